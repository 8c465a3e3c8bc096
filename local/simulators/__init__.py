"""Simulators of the vendors: their wire formats over real sockets, with clips that play and faults on order."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("dailies") is None:
    # `functions/` is the asset root of the Lambdas, not an installed package: so that `python -m local.simulators` works as it is.
    sys.path.append(str(Path(__file__).resolve().parents[2] / "functions"))

from local.simulators.clock import ManualClock, SystemClock
from local.simulators.scenario import Scenario
from local.simulators.simulators import Simulators

__all__ = ["ManualClock", "Scenario", "Simulators", "SystemClock"]
