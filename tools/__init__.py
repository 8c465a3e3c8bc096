"""Commands for whoever works on Dailies or operates it. Each is run as `python -m tools.<name>`."""

import sys
from pathlib import Path

# The import root of the Lambdas: these commands use the services, as a handler does.
sys.path.insert(0, str(Path(__file__).parents[1] / "functions"))
