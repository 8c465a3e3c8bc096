"""A vendor in memory: it keeps its own books, so that tests can compare them with the ledger's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dailies.domain.errors import (
    ConfigurationError,
    DuplicateSubmitError,
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    Rejection,
    SubmitUnknownError,
)
from dailies.domain.outcomes import (
    Blocked,
    CallbackHint,
    CannotTell,
    Download,
    Failed,
    FailureCode,
    Finished,
    Found,
    Handle,
    LookupOutcome,
    NotCreated,
    Output,
    Pending,
    PollOutcome,
    Succeeded,
)
from dailies.domain.ports import AttemptRef, GenerationRequest, Provider
from tests.fakes.time import ManualClock


class Killed(BaseException):
    """The process ends here, as under a Lambda timeout: nothing after it runs or can catch it."""


@dataclass
class Task:
    """One paid task."""

    external_id: str
    created_at: dt.datetime
    callback_url: str | None = None
    canceled: bool = False


@dataclass
class Vendor:
    """A vendor whose every behaviour a test chooses.

    `submits` is a script: one word per call, the last one for all further calls.
      accept · throttle · unavailable · reject · invalid · moderate
      lost            it creates the task, and the answer is lost
      lost_unsent     no answer, and no task
      killed_before / killed_after      our process dies before or after the task is created
      finished        it answers with the outcome at once
    """

    name: str
    clock: ManualClock
    submits: list[str] = field(default_factory=lambda: ["accept"])
    outcome: str = "succeed"
    """succeed · fail · block · never: how its tasks end."""
    duration_s: float = 60
    lookup_kind: str = "exact"
    """exact: knows what it has (Kling). when_done: tells only once the task has ended (Vertex)."""
    visible_after_s: float = 0
    """How long an accepted task stays hidden from look-ups."""
    refuses_duplicates: bool = True
    retry_after_s: float | None = 3
    """What it says to a submit that it throttles."""
    polls_down: int = 0
    """How many of the next polls fail."""
    lookups_down: int = 0
    """How many of the next look-ups fail."""
    fraction: bool = False
    """Whether it reports progress."""
    interrupt: Callable[[str, str], None] = lambda phase, call: None
    """Called before and after it acts on each call: what it raises is our process's death."""
    on_created: Callable[[Task], None] = lambda task: None
    tasks: dict[str, Task] = field(default_factory=dict)
    duplicates_refused: int = 0
    calls: list[str] = field(default_factory=list)
    polled_at: list[dt.datetime] = field(default_factory=list)

    @property
    def created(self) -> int:
        """How many paid tasks there are."""
        return len(self.tasks)

    def submit(self, request: GenerationRequest, attempt: AttemptRef) -> Handle | Finished:
        self.interrupt("before", "submit")
        word = self.submits.pop(0) if len(self.submits) > 1 else self.submits[0]
        self.calls.append(f"submit:{word}")
        if word == "killed_before":
            raise Killed
        self._refuse(word)
        if word == "lost_unsent":
            raise SubmitUnknownError("no answer", vendor=self.name)
        self._create(attempt)
        self.interrupt("after", "submit")
        if word == "killed_after":
            raise Killed
        if word == "lost":
            raise SubmitUnknownError("no answer", vendor=self.name)
        if word == "finished":
            return Finished(outcome=Succeeded(outputs=[self._output(attempt.attempt_id)]))
        return self._handle(attempt.attempt_id)

    def _refuse(self, word: str) -> None:
        if word == "throttle":
            raise ProviderThrottledError("busy", vendor=self.name, retry_after_s=self.retry_after_s)
        if word == "unavailable":
            raise ProviderUnavailableError("down", vendor=self.name)
        reasons = {
            "reject": Rejection.BALANCE,
            "invalid": Rejection.INVALID,
            "moderate": Rejection.MODERATION,
        }
        if word in reasons:
            raise ProviderRejectedError("no", reason=reasons[word], vendor=self.name)

    def _create(self, attempt: AttemptRef) -> None:
        key = attempt.attempt_id
        if key in self.tasks and self.refuses_duplicates:
            self.duplicates_refused += 1
            raise DuplicateSubmitError("exists", vendor=self.name)
        if key in self.tasks:
            key = f"{key}+{self.created}"
        self.tasks[key] = Task(key, self.clock.now(), attempt.callback_url)
        self.on_created(self.tasks[key])

    def poll(self, handle: Handle) -> PollOutcome:
        self.interrupt("before", "poll")
        self.calls.append("poll")
        self.polled_at.append(self.clock.now())
        if self.polls_down > 0:
            self.polls_down -= 1
            raise ProviderUnavailableError("down", vendor=self.name)
        self.interrupt("after", "poll")
        return self._state_of(self.tasks[handle.data["id"]])

    def _state_of(self, task: Task) -> PollOutcome:
        if task.canceled:
            return Failed(code=FailureCode.CANCELED, message="canceled")
        if not self.ended(task):
            age_s = (self.clock.now() - task.created_at).total_seconds()
            return Pending(fraction=age_s / self.duration_s if self.fraction else None)
        if self.outcome == "fail":
            return Failed(code=FailureCode.VENDOR_FAILED, message="it failed")
        if self.outcome == "block":
            return Blocked(reasons=["people"])
        return Succeeded(outputs=[self._output(task.external_id)])

    def ended(self, task: Task) -> bool:
        age_s = (self.clock.now() - task.created_at).total_seconds()
        return self.outcome != "never" and age_s >= self.duration_s

    def lookup(self, attempt: AttemptRef, model: str) -> LookupOutcome:
        self.interrupt("before", "lookup")
        self.calls.append("lookup")
        if self.lookups_down > 0:
            self.lookups_down -= 1
            raise ProviderUnavailableError("down", vendor=self.name)
        self.interrupt("after", "lookup")
        return self._found(attempt)

    def _found(self, attempt: AttemptRef) -> LookupOutcome:
        task = self.tasks.get(attempt.attempt_id)
        if self.lookup_kind == "when_done":
            found = task is not None and self.ended(task) and self.outcome == "succeed"
            return Found(handle=self._handle(attempt.attempt_id)) if found else CannotTell()
        if task is None:
            return NotCreated()
        age_s = (self.clock.now() - task.created_at).total_seconds()
        hidden = age_s < self.visible_after_s
        return NotCreated() if hidden else Found(handle=self._handle(attempt.attempt_id))

    def download(self, output: Output) -> Download:
        return Download(url=f"https://cdn.example/{output.data['id']}.mp4")

    def callback(
        self, attempt: AttemptRef, headers: Mapping[str, str], body: bytes
    ) -> CallbackHint | None:
        return CallbackHint(terminal=body == b"terminal") if body != b"forged" else None

    def _handle(self, key: str) -> Handle:
        return Handle(vendor=self.name, data={"id": key})

    def _output(self, key: str) -> Output:
        return Output(content_type="video/mp4", data={"id": key})


class CancelingVendor(Vendor):
    """A vendor whose tasks can be stopped."""

    def cancel(self, handle: Handle) -> None:
        self.interrupt("before", "cancel")
        self.calls.append("cancel")
        task = self.tasks[handle.data["id"]]
        if not self.ended(task):
            task.canceled = True
        self.interrupt("after", "cancel")


@dataclass
class VendorBook:
    """The Providers port over vendors in memory."""

    vendors: dict[str, Vendor]

    def get(self, name: str) -> Provider:
        try:
            return self.vendors[name]
        except KeyError as exc:
            raise ConfigurationError(f"There is no provider {name!r}.") from exc


@dataclass
class FixedStats:
    """The LatencyStats port: counts, and has learned what a test says."""

    learned_s: float | None = None
    recorded: list[tuple[str, float]] = field(default_factory=list)

    def q02(self, key: str) -> float | None:
        return self.learned_s

    def record(self, key: str, seconds: float) -> None:
        self.recorded.append((key, seconds))
