"""Time, and secrets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Protocol


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> dt.datetime:
        """Return the time now, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait. Only `services.poll` may call it."""
        ...


class Secrets(Protocol):
    """Secrets by name, cached for minutes."""

    def get(self, name: str) -> Mapping[str, str]:
        """Return the JSON object stored under `name`, e.g. `providers/kling`.

        Raises:
            ConfigurationError: there is no such secret, or it is not a JSON object.
            StorageError: the store did not answer.
        """
        ...
