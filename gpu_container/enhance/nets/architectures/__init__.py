"""The architectures, one module each: add a module, and it is recognised.

A module holds `recognise(state) -> Net | None`, which decides by names and shapes alone.
"""

from __future__ import annotations

import importlib
import pkgutil

from enhance.nets.net import Net, State


def names() -> list[str]:
    """All architectures, by module name."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def recognise(state: State) -> Net | None:
    """Ask each in turn; None if none knows these weights."""
    for name in names():
        net = importlib.import_module(f"{__name__}.{name}").recognise(state)
        if net is not None:
            return net
    return None
