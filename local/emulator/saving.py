"""Save MiniStack's state while it runs: upstream does so at a clean stop only."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from local.emulator.settings import SAVE_INTERVAL_S

_LARGEST_SHARE = 0.05
"""Of one core's time that saving the whole may take: stacks and functions are large."""

_LONGEST_PAUSE_S = 10.0
_MOVING = frozenset({"dynamodb", "sqs", "stepfunctions"})
"""What running jobs change: small, and saved every time."""

Save = Callable[[dict[str, Any]], None]


def save_one_at_a_time() -> None:
    """Keep the save at the stop from meeting one of ours: both write the same files."""
    from ministack import app

    original, lock = app.save_all, threading.Lock()

    def save_all(services: dict[str, Any]) -> None:
        with lock:
            original(services)

    app.save_all = save_all


async def save_regularly() -> None:
    """Save every few seconds until cancelled: what jobs change each time, the rest more seldom."""
    from ministack import app

    whole_at = time.monotonic() + SAVE_INTERVAL_S
    while True:
        await asyncio.sleep(SAVE_INTERVAL_S)
        services, began = app._build_persistence_save_dict(), time.monotonic()
        whole = began >= whole_at
        if not whole:
            services = {name: save for name, save in services.items() if name in _MOVING}
        # Looked up each time: it is the guarded one.
        await asyncio.to_thread(app.save_all, services)
        if whole:
            ended = time.monotonic()
            whole_at = ended + min((ended - began) / _LARGEST_SHARE, _LONGEST_PAUSE_S)
