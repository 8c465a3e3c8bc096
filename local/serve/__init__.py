"""The twin, kept up until Ctrl-C."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("dailies") is None:
    # The import root of the Lambdas, not an installed package: the catalogue's prices are read.
    sys.path.append(str(Path(__file__).resolve().parents[2] / "functions"))
