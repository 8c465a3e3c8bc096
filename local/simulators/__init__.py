"""Simulators of the vendors: real sockets, clips that play, faults on order."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("dailies") is None:
    # `functions/` is the asset root of the Lambdas, not an installed package; without this line
    # `python -m local.simulators` would need a PYTHONPATH.
    sys.path.append(str(Path(__file__).resolve().parents[2] / "functions"))

from local.simulators.clock import ManualClock, SystemClock
from local.simulators.scenario import Scenario
from local.simulators.simulators import Simulators

__all__ = ["ManualClock", "Scenario", "Simulators", "SystemClock"]
