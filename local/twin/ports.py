"""Where the twin listens: the same ports each time, where free, for equal templates each time."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from local.twin.errors import TwinError

_HOST = "127.0.0.1"
SIMULATOR_PORTS = 9
"""How many ports the simulators take, in a row."""


@dataclass(frozen=True)
class Ports:
    """One twin's ports."""

    front: int
    emulator: int
    simulators: int
    """The first of theirs."""


def choose_ports(preferred: Ports, *, front_is_fixed: bool = False) -> Ports:
    """Return the preferred ports, or free ones in place of those that are taken.

    Raises:
        TwinError: the front port is taken, and no other will do.
    """
    require_free(preferred, front_is_fixed=front_is_fixed)
    front = preferred.front if _is_free(preferred.front) else _free_row(1)
    emulator = preferred.emulator if _is_free(preferred.emulator) else _free_row(1)
    row = range(preferred.simulators, preferred.simulators + SIMULATOR_PORTS)
    first = preferred.simulators if all(map(_is_free, row)) else _free_row(SIMULATOR_PORTS)
    return Ports(front, emulator, first)


def require_free(preferred: Ports, *, front_is_fixed: bool) -> None:
    """Return if the front port is free, or another will do.

    Raises:
        TwinError: it is taken.
    """
    front = preferred.front
    if front_is_fixed and not _is_free(front):
        raise TwinError(f"Port {front} is taken. Choose another one: PORT=8800 make serve.")


def _is_free(port: int) -> bool:
    try:
        socket.create_server((_HOST, port)).close()
    except OSError:
        return False
    return True


def _free_row(count: int) -> int:
    for _ in range(100):
        with socket.create_server((_HOST, 0)) as probe:
            first = int(probe.getsockname()[1])
        row = range(first, first + count)
        if row[-1] < 65536 and all(map(_is_free, row)):
            return first
    raise TwinError(f"There are no {count} free ports in a row.")
