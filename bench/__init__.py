"""Measurements: run by `make bench`, never by the tests."""

import sys
from pathlib import Path

# The import roots of what is measured, as pyproject.toml has them for the tests.
sys.path[:0] = [str(Path(__file__).parents[1] / root) for root in ("functions", "gpu_container")]
