"""Save MiniStack's state while it runs: upstream does so at a clean stop only."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from local.emulator.settings import SAVE_INTERVAL_S

_LARGEST_SHARE = 0.05
"""Of one core's time that saving may take; a large state is saved less often."""

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
    """Save every few seconds until cancelled."""
    from ministack import app

    pause_s = SAVE_INTERVAL_S
    while True:
        await asyncio.sleep(pause_s)
        began = time.monotonic()
        # Looked up each time: it is the guarded one.
        await asyncio.to_thread(app.save_all, app._build_persistence_save_dict())
        pause_s = max(SAVE_INTERVAL_S, (time.monotonic() - began) / _LARGEST_SHARE)
