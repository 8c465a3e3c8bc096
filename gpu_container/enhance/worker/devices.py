"""What a worker says that it has, before any task is begun."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""What NVIDIA's driver makes on Linux; the second one under WSL."""


def best_device(drivers: tuple[Path, ...] = _DRIVERS) -> Literal["cuda", "cpu"]:
    """Tell whether there is a driver for a GPU, without a library that takes seconds to load.

    Too hopeful at worst: a task that demands a GPU which then cannot be opened fails loudly.
    """
    return "cuda" if any(driver.exists() for driver in drivers) else "cpu"
