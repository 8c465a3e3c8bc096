"""Watches one task at its vendor for the time of one invocation."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import Catalogue, Latency, VendorSpec
from dailies.domain.errors import ProviderError
from dailies.domain.jobs import JobState
from dailies.domain.outcomes import Pending, PollOutcome
from dailies.domain.ports import Cancels, Clock, LatencyStats, Ledger, Provider, Providers
from dailies.domain.steps import StepInput
from dailies.domain.waiting import (
    HOLD_INTERVAL_S,
    calls_back,
    holds,
    next_wait_s,
    troubled_wait_s,
)
from dailies.observability import warn_of_vendor


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
class Watch:
    """One invocation's look at one task."""

    ports: PollPorts
    attempt: Attempt
    provider: Provider
    vendor: VendorSpec
    latency: Latency
    signal_seq: int
    """The job's count of signals as it was before the last question."""
    live: bool
    """False once the job has its final answer: a late look asks once."""
    asked: int = 0
    troubled: bool = False
    """Whether the last question found nothing out."""
    pause_s: float = HOLD_INTERVAL_S
    """How long to wait before the next question."""
    pending_at: dt.datetime | None = None
    """When the vendor was last heard to be at work."""
    _cancel_sent: bool = False
    _seen_words: set[str] = field(default_factory=set[str])

    def until_ended(self, step: StepInput, window_s: float) -> PollOutcome | None:
        """Ask once, or on and on for a window where that is cheaper than a loop of states.

        The pause after the last question is kept too: the next invocation asks at once, and the
        vendor's minimum interval spans invocations.

        Returns:
            The last answer; None when another run took the job over meanwhile.
        """
        clock, ledger = self.ports.clock, self.ports.ledger
        begun = clock.monotonic()
        while True:
            answer = self._ask()
            left_s = window_s - (clock.monotonic() - begun)
            if not isinstance(answer, Pending) or not self.holding():
                return answer
            if self.troubled and self.pause_s > left_s:
                return answer
            clock.sleep(self.pause_s)
            job = ledger.job(step.job_id)
            if job is None or job.run != step.run or job.terminal:
                return None
            if clock.now() >= job.deadline_at:
                return self._ask()
            if left_s < self.pause_s:
                return answer
            self.signal_seq = job.signal_seq
            if job.state is JobState.CANCELING:
                self.cancel()

    def holding(self) -> bool:
        """Whether to keep asking, as far as this task's age goes."""
        return self.live and holds(self.latency, self._elapsed_s, by_callback=self._by_callback)

    def wait_s(self) -> int:
        """Return how long to wait for a signal before the next look; 0 to ask on at once."""
        if self.troubled:
            return troubled_wait_s(self.latency, self._elapsed_s, self.pause_s)
        if self.holding():
            return 0
        return next_wait_s(self.latency, self._elapsed_s, by_callback=self._by_callback)

    def cancel(self) -> None:
        """Ask the vendor to stop, once, where it can."""
        if self._cancel_sent or not isinstance(self.provider, Cancels) or not self.attempt.handle:
            return
        self._cancel_sent = True
        try:
            self.provider.cancel(self.attempt.handle)
        except ProviderError as exc:  # the polls tell how it ends
            warn_of_vendor(exc.code, self.attempt)

    @property
    def _by_callback(self) -> bool:
        return calls_back(self.vendor, reachable=self.ports.reachable)

    @property
    def _elapsed_s(self) -> float:
        begun = self.attempt.submitted_at or self.attempt.created_at
        return (self.ports.clock.now() - begun).total_seconds()

    def _ask(self) -> PollOutcome:
        """Ask once. A vendor that cannot say leaves the task as it was."""
        self.asked += 1
        handle = self.attempt.handle
        if handle is None:
            raise AssertionError("an attempt to poll has a handle")
        self.pause_s = max(HOLD_INTERVAL_S, self.vendor.min_poll_interval_s)
        try:
            answer = self.provider.poll(handle)
        except ProviderError as exc:
            self.troubled = True
            self.pause_s = max(2 * self.pause_s, exc.retry_after_s or 0)
            warn_of_vendor(exc.code, self.attempt)
            return Pending(started=False)
        self.troubled = False
        if isinstance(answer, Pending):
            self.pending_at = self.ports.clock.now()
        word = answer.unknown_status if isinstance(answer, Pending) else None
        if word is not None and word not in self._seen_words:
            self._seen_words.add(word)
            warn_of_vendor("unknown_status", self.attempt)
        return answer
