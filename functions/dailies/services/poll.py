"""Asks a vendor how a task is, and says what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

from dailies.domain.attempts import HAS_HANDLE, AttemptState
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState, Progress
from dailies.domain.outcomes import Pending, Succeeded
from dailies.domain.ports import Snapshot
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.domain.waiting import HOLD_WINDOW_S, refetch_pause_s, until_deadline_s
from dailies.observability import count
from dailies.services.conclude import conclude
from dailies.services.recording import Move, going_on, load, move
from dailies.services.watch import PollPorts, Watch

__all__ = ["PollPorts", "poll"]

_RESERVE_S = 20.0
"""Time kept of an invocation for the last question and for writing its answer down."""
_PROGRESS_STEP = 0.1


def poll(step: StepInput, ports: PollPorts, remaining_s: Callable[[], float]) -> StepResult:
    """Ask how the newest attempt's task is: once, or on and on for a window.

    Before each question the job's row is read, so that a cancel ends the watch, and `seen` is older
    than the answer.
    """
    snapshot = load(ports.ledger, step.job_id)
    attempt = snapshot.current
    routed = going_on(step, snapshot)
    if attempt is None or routed.outcome is not Outcome.POLL:
        return routed
    vendor, model = ports.catalogue.route(attempt.vendor, attempt.model)
    watch = Watch(
        ports=ports,
        attempt=attempt,
        provider=ports.providers.get(attempt.vendor),
        vendor=vendor,
        latency=model.latency_s,
        signal_seq=snapshot.job.signal_seq,
        live=not snapshot.job.terminal,
    )
    if snapshot.job.state is JobState.CANCELING:
        watch.cancel()
    if attempt.outputs:  # it has ended; only its file could not be used
        spare_s = max(0.0, remaining_s() - _RESERVE_S)
        ports.clock.sleep(min(refetch_pause_s(attempt.fetches), spare_s))
    answer = watch.until_ended(step, min(HOLD_WINDOW_S, remaining_s() - _RESERVE_S))
    if answer is None:
        return going_on(step, load(ports.ledger, step.job_id))
    if not isinstance(answer, Pending):
        if watch.live and isinstance(answer, Succeeded):
            count("DetectionDelay", _delay_s(snapshot, watch, answer), vendor=attempt.vendor)
        return conclude(step, snapshot, answer, ports, asked=watch.asked)
    return _pending(step, snapshot, watch, answer)


def _delay_s(snapshot: Snapshot, watch: Watch, answer: Succeeded) -> float:
    """Return how long ago the task ended: exactly where the vendor says when, else at most."""
    at_work = watch.pending_at or snapshot.job.updated_at
    ended_at = max(answer.finished_at or at_work, at_work)
    return max(0.0, (watch.ports.clock.now() - ended_at).total_seconds())


def _pending(step: StepInput, snapshot: Snapshot, watch: Watch, answer: Pending) -> StepResult:
    ports = watch.ports
    wait_s = watch.wait_s()
    wanted = _seen_unfinished(snapshot, watch, answer, wait_s)
    snapshot, written = move(ports.ledger, ports.clock, snapshot, step.run, wanted)
    now = ports.clock.now()
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


def _seen_unfinished(snapshot: Snapshot, watch: Watch, answer: Pending, wait_s: int) -> Move:
    attempt = watch.attempt
    progress = _progress(snapshot, answer)
    told = progress is not None and "job.progress" in snapshot.job.request.notify.events
    return Move(
        attempt.number,
        HAS_HANDLE,
        AttemptState.GENERATING if answer.started else attempt.state,
        EventType.JOB_PROGRESS if told else None,
        data={"fraction": progress.fraction} if progress else {},
        attempt={"polls": attempt.polls + watch.asked},
        job={"progress": progress} if progress else {},
        wait_s=wait_s,
    )


def _progress(snapshot: Snapshot, answer: Pending) -> Progress | None:
    """Return the vendor's own figure where it moved enough to be worth a write."""
    if answer.fraction is None:
        return None
    fraction = min(max(answer.fraction, 0.0), 1.0)
    if fraction - (snapshot.job.progress.fraction or 0.0) < _PROGRESS_STEP:
        return None
    return Progress(fraction=fraction, basis="measured")
