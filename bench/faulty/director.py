"""What vendors do wrong, drawn instead of written down: every action of a scenario can come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.faulty.draws import Draws
from local.simulators.director import Director, Subject
from local.simulators.scenario import (
    Action,
    ChangeContent,
    Drop,
    DuplicateCallback,
    ExpireUrl,
    Fail,
    ForgedCallback,
    Hang,
    HttpError,
    LateCallback,
    Missing,
    Moderation,
    NoCallback,
    NoRange,
    Occasion,
    PartialRai,
    Scenario,
    Throttle,
    Truncate,
    UnknownStatus,
    UnsignedCallback,
    WrongContent,
)

Make = Callable[[], Action]
_READ: Mapping[str, Make] = {
    "429": lambda: Throttle(kind="throttle"),
    "429, come back": lambda: Throttle(kind="throttle", retry_after_s=20),
    "500": lambda: HttpError(kind="http_error", status=500),
    "503": lambda: HttpError(kind="http_error", status=503),
    "dropped": lambda: Drop(kind="drop"),
    "hangs": lambda: Hang(kind="hang", seconds=20),
}
_ASKED: Mapping[str, Make] = {
    **_READ,
    "unknown word": lambda: UnknownStatus(kind="unknown_status"),
    "task missing": lambda: Missing(kind="missing"),
}
_FAULTS: Mapping[Occasion, Mapping[str, Make]] = {
    "submit": {
        "429": lambda: Throttle(kind="throttle"),
        "429, come back": lambda: Throttle(kind="throttle", retry_after_s=30),
        "500, nothing accepted": lambda: HttpError(kind="http_error", status=500),
        "503, nothing accepted": lambda: HttpError(kind="http_error", status=503),
        "500, accepted": lambda: HttpError(kind="http_error", status=500, when="after"),
        "504, accepted": lambda: HttpError(kind="http_error", status=504, when="after"),
        "dropped, nothing accepted": lambda: Drop(kind="drop", when="before"),
        "dropped, accepted": lambda: Drop(kind="drop"),
        "hangs, accepted": lambda: Hang(kind="hang", seconds=70),
        "hangs, then accepts": lambda: Hang(kind="hang", seconds=70, when="before"),
        "slow, accepted": lambda: Hang(kind="hang", seconds=15),
        "prompt refused": lambda: Moderation(kind="moderation", when="before"),
    },
    "poll": _ASKED,
    "lookup": _ASKED,
    "token": _READ,
    "download": {
        "500": _READ["500"],
        "503": _READ["503"],
        "dropped": lambda: Drop(kind="drop", when="before"),
        "hangs": lambda: Hang(kind="hang", seconds=60),
        "breaks off": lambda: Truncate(kind="truncate", after_bytes=2000),
        "address expired": lambda: ExpireUrl(kind="expire_url"),
        "ignores ranges": lambda: NoRange(kind="no_range"),
        "other bytes": lambda: ChangeContent(kind="change_content"),
        "a web page": lambda: WrongContent(kind="wrong_content"),
    },
}
_ENDS: Mapping[str, Make] = {
    "fails": lambda: Fail(kind="fail"),
    "withheld": lambda: Moderation(kind="moderation"),
    "all filtered": lambda: PartialRai(kind="partial_rai"),
}
_CALLBACKS: Mapping[str, Make] = {
    "lost": lambda: NoCallback(kind="never"),
    "late": lambda: LateCallback(kind="late", seconds=900),
    "twice": lambda: DuplicateCallback(kind="duplicate", count=2),
    "unsigned": lambda: UnsignedCallback(kind="unsigned"),
    "forged": lambda: ForgedCallback(kind="forged", after_s=20),
}
_SECONDS: Mapping[str, float] = {
    "three times as long": 3 * 120,
    "past most deadlines": 4_000,
    "never": 10.0**9,
}


class RandomDirector(Director):
    """Answers every occasion with a draw."""

    def __init__(self) -> None:
        """Do nothing wrong until there are draws."""
        super().__init__(Scenario())
        self.draws: Draws | None = None
        self.is_young: Callable[[str, Subject], bool] = lambda vendor, subject: True

    def begin(self, draws: Draws, seed: int) -> None:
        """Draw from `draws`, and let durations follow from the seed."""
        self.draws = draws
        self.load(Scenario(seed=seed))

    def fault(self, vendor: str, on: Occasion, subject: Subject) -> Action | None:
        """Return what goes wrong with this call."""
        kinds = _FAULTS[on]
        if on == "lookup" and not self.is_young(vendor, subject):
            # A vendor shows what it has taken late, but it does not deny it for ever.
            kinds = {name: make for name, make in kinds.items() if name != "task missing"}
        return self._make(f"vendor's {on}", kinds)

    def end(self, vendor: str, subject: Subject) -> Any:
        """Return how a new task is to end, where not well."""
        # Only an operation of Veo's tells of videos that were filtered out.
        veo = vendor == "google" and subject.model.startswith("veo")
        ends = {k: v for k, v in _ENDS.items() if veo or k != "all filtered"}
        return self._make("vendor's result", ends)

    def duration_s(self, vendor: str, subject: Subject) -> float | None:
        """Return how long a new task is to take, where not as usual."""
        kind = self.draws.hit("vendor's time", *_SECONDS) if self.draws else None
        return _SECONDS[kind] if kind else None

    def callbacks(self, vendor: str, subject: Subject) -> list[Action]:
        """Return what goes wrong with the callbacks of a new task."""
        action = self._make("callback", _CALLBACKS)
        return [action] if action else []

    def _make(self, what: str, kinds: Mapping[str, Make]) -> Action | None:
        kind = self.draws.hit(what, *kinds) if self.draws else None
        return kinds[kind]() if kind else None
