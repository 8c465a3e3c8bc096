"""Asks a vendor how a task is. The only service that waits inside an invocation, and only through the Clock port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dailies.domain.attempts import HAS_HANDLE, Attempt, AttemptState
from dailies.domain.catalogue import Catalogue, Latency, VendorSpec
from dailies.domain.errors import ProviderThrottledError, ProviderUnavailableError
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState, Progress
from dailies.domain.outcomes import Pending, PollOutcome
from dailies.domain.ports import Cancels, Clock, LatencyStats, Ledger, Provider, Providers, Snapshot
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.domain.waiting import (
    HOLD_INTERVAL_S,
    HOLD_WINDOW_S,
    calls_back,
    holds,
    next_wait_s,
    until_deadline_s,
)
from dailies.observability import warn_of_vendor
from dailies.services.conclude import conclude
from dailies.services.recording import Move, going_on, load, move

_RESERVE_S = 20.0
"""Time kept of an invocation for the last question and for writing its answer down."""
_PROGRESS_STEP = 0.1


@dataclass(frozen=True)
class PollPorts:
    """What Poll needs."""

    ledger: Ledger
    providers: Providers
    catalogue: Catalogue
    clock: Clock
    stats: LatencyStats
    reachable: bool
    """Whether vendors can call this stage back."""


@dataclass
class _Watch:
    """One invocation's look at one task."""

    ports: PollPorts
    attempt: Attempt
    provider: Provider
    vendor: VendorSpec
    latency: Latency
    signal_seq: int
    live: bool
    """False once the job has its final answer: a late look asks once."""
    asked: int = 0
    interval_s: float = HOLD_INTERVAL_S
    cancel_sent: bool = False
    seen_words: set[str] = field(default_factory=set[str])

    @property
    def by_callback(self) -> bool:
        return calls_back(self.vendor, reachable=self.ports.reachable)

    @property
    def elapsed_s(self) -> float:
        begun = self.attempt.submitted_at or self.attempt.created_at
        return (self.ports.clock.now() - begun).total_seconds()

    def holds(self) -> bool:
        """Whether to keep asking, as far as this task's age goes."""
        return self.live and holds(self.latency, self.elapsed_s, by_callback=self.by_callback)

    def ask(self) -> PollOutcome:
        """Ask once. A vendor that cannot say leaves the task pending."""
        self.asked += 1
        handle = self.attempt.handle
        if handle is None:
            raise AssertionError("an attempt to poll has a handle")
        self.interval_s = max(HOLD_INTERVAL_S, self.vendor.min_poll_interval_s)
        try:
            answer = self.provider.poll(handle)
        except (ProviderUnavailableError, ProviderThrottledError) as exc:
            self.interval_s = max(2 * self.interval_s, exc.retry_after_s or 0)
            warn_of_vendor(exc.code, self.attempt)
            return Pending()
        word = answer.unknown_status if isinstance(answer, Pending) else None
        if word is not None and word not in self.seen_words:
            self.seen_words.add(word)
            warn_of_vendor("unknown_status", self.attempt)
        return answer

    def cancel(self) -> None:
        """Ask the vendor to stop, once, where it can."""
        if self.cancel_sent or not isinstance(self.provider, Cancels) or not self.attempt.handle:
            return
        self.cancel_sent = True
        try:
            self.provider.cancel(self.attempt.handle)
        except (ProviderUnavailableError, ProviderThrottledError) as exc:
            warn_of_vendor(exc.code, self.attempt)


def poll(step: StepInput, ports: PollPorts, remaining_s: Callable[[], float]) -> StepResult:
    """Ask how the newest attempt's task is: once, or again and again for a window where that is cheaper than a loop.

    Before each question the job's row is read, so that a cancel ends the watch, and `seen` is older than the answer.
    """
    snapshot = load(ports.ledger, step.job_id)
    attempt = snapshot.current
    routed = going_on(step, snapshot)
    if attempt is None or routed.outcome is not Outcome.POLL:
        return routed
    vendor, model = ports.catalogue.route(attempt.vendor, attempt.model)
    provider = ports.providers.get(attempt.vendor)
    job = snapshot.job
    watch = _Watch(
        ports, attempt, provider, vendor, model.latency_s, job.signal_seq, not job.terminal
    )
    if job.state is JobState.CANCELING:
        watch.cancel()
    answer = _watch(step, watch, min(HOLD_WINDOW_S, remaining_s() - _RESERVE_S))
    if answer is None:
        return going_on(step, load(ports.ledger, step.job_id))
    if not isinstance(answer, Pending):
        return conclude(step, snapshot, answer, ports)
    return _pending(step, snapshot, watch, answer)


def _watch(step: StepInput, watch: _Watch, window_s: float) -> PollOutcome | None:
    """Return the last answer; None when another run took the job over meanwhile."""
    ports = watch.ports
    begun = ports.clock.monotonic()
    while True:
        answer = watch.ask()
        left_s = window_s - (ports.clock.monotonic() - begun)
        if not isinstance(answer, Pending) or not watch.holds() or left_s < watch.interval_s:
            return answer
        ports.clock.sleep(watch.interval_s)
        job = ports.ledger.job(step.job_id)
        if job is None or job.run != step.run or job.terminal:
            return None
        if ports.clock.now() >= job.deadline_at:
            return watch.ask()
        watch.signal_seq = job.signal_seq
        if job.state is JobState.CANCELING:
            watch.cancel()


def _pending(step: StepInput, snapshot: Snapshot, watch: _Watch, answer: Pending) -> StepResult:
    ports, attempt = watch.ports, watch.attempt
    now = ports.clock.now()
    wait_s = 0
    if not watch.holds():
        wait_s = next_wait_s(watch.latency, watch.elapsed_s, by_callback=watch.by_callback)
        wait_s = max(wait_s, int(watch.interval_s))
    progress = _progress(snapshot, answer)
    told = progress is not None and "job.progress" in snapshot.job.request.notify.events
    wanted = Move(
        attempt.number,
        HAS_HANDLE,
        AttemptState.GENERATING if answer.started else attempt.state,
        EventType.JOB_PROGRESS if told else None,
        data={"fraction": progress.fraction} if progress else {},
        attempt={"polls": attempt.polls + watch.asked},
        job={"progress": progress} if progress else {},
        wait_s=wait_s,
    )
    snapshot, written = move(ports.ledger, ports.clock, snapshot, step.run, wanted)
    if not written:
        return going_on(step, snapshot)
    if snapshot.job.terminal:
        return going_on(step, snapshot, Outcome.DONE)
    if now >= snapshot.job.deadline_at:
        return going_on(step, snapshot, Outcome.END)
    if wait_s == 0:
        return going_on(step, snapshot, Outcome.POLL)
    wait_s = until_deadline_s(snapshot.job, now, wait_s)
    return going_on(step, snapshot, Outcome.AWAIT, wait_s=wait_s, seen=watch.signal_seq)


def _progress(snapshot: Snapshot, answer: Pending) -> Progress | None:
    """Return the vendor's own figure where it moved enough to be worth a write."""
    if answer.fraction is None:
        return None
    fraction = min(max(answer.fraction, 0.0), 1.0)
    if fraction - (snapshot.job.progress.fraction or 0.0) < _PROGRESS_STEP:
        return None
    return Progress(fraction=fraction, basis="measured")
