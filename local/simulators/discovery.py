"""Which simulators there are: one module per vendor, under its name in the catalogue."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.simulators.vendor import VendorSimulator

_PORTS_OF_ONE = 2
"""Its API's, and that of the files."""
_PORTS_OF_RECEIVER = 1


def simulated(vendors: Iterable[str]) -> tuple[str, ...]:
    """Return those of the catalogue's vendors that have a simulator, sorted."""
    modules = {module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])}
    return tuple(sorted(modules & set(vendors)))


def ports_in_a_row(vendors: Iterable[str]) -> int:
    """Return how many ports the webhook receiver and the vendors' simulators take."""
    return _PORTS_OF_RECEIVER + _PORTS_OF_ONE * len(simulated(vendors))


def simulator_of(vendor: str) -> type[VendorSimulator]:
    """Return a vendor's simulator.

    Raises:
        LookupError: its module is missing, or does not hold exactly one simulator.
    """
    name = f"local.simulators.{vendor}"
    file = f"local/simulators/{vendor}.py"
    if not simulated([vendor]):
        raise LookupError(
            f"There is no {file}: a provider needs its simulator (docs/adding_a_provider.md)."
        )
    from local.simulators.vendor import VendorSimulator  # draws clips: not for a list of names

    found = [
        one
        for one in vars(importlib.import_module(name)).values()
        if isinstance(one, type) and issubclass(one, VendorSimulator) and one.__module__ == name
    ]
    if [one.name for one in found] != [vendor]:
        raise LookupError(f"{file} must hold one VendorSimulator, whose `name` is {vendor!r}.")
    return found[0]
