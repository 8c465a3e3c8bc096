"""A queue with one message and the two functions, in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from enhance.worker.cloud import Action, CloudError, Lease, Message

MESSAGE = Message("enh_01K00000000000000000000001-1", "receipt", 1)
LEASE_S = 9


@dataclass
class MemoryCloud:
    """The Cloud port; `answers` scripts what LeaseTask says, `leased` for ever after."""

    answers: list[Lease | Exception] = field(default_factory=list)
    finishes: list[str | Exception] = field(default_factory=list)
    incoming: list[Message | Exception | None] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    on_empty: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def receive(self) -> Message | None:
        if not self.incoming:
            self.on_empty()
            return None
        return _raised(self.incoming.pop(0))

    def hide(self, message: Message, seconds: int) -> None:
        self.calls.append(("hide", seconds))

    def delete(self, message: Message) -> None:
        self.calls.append(("delete",))

    def lease(
        self, message: Message, action: Action, *, get: Sequence[str] = (), put: Sequence[str] = ()
    ) -> Lease:
        with self.lock:
            self.calls.append((action, *get, *put))
            if action == "release":
                return Lease(state="released")
            if self.answers:
                return _raised(self.answers.pop(0))
        urls = {name: f"signed:{name}" for name in (*get, *put)}
        return Lease(state="leased", wait_s=LEASE_S, get=urls, put=urls)

    def finish(self, message: Message, outcome: str) -> str:
        self.calls.append(("finish", outcome))
        return _raised(self.finishes.pop(0)) if self.finishes else "finished"

    def said(self, word: str) -> list[tuple[Any, ...]]:
        """Return the calls of a kind."""
        return [call for call in self.calls if call[0] == word]


def leased(seconds: int = LEASE_S) -> Lease:
    """Return a lease."""
    return Lease(state="leased", wait_s=seconds)


def trouble() -> CloudError:
    """Return what passes."""
    return CloudError("no answer")


def _raised(scripted: Any) -> Any:
    if isinstance(scripted, Exception):
        raise scripted
    return scripted
