"""Asking a vendor: once, or on and on; what is written of it; when to look again."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.changes import Draft
from dailies.domain.errors import ProviderThrottledError
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, Job, JobRequest, JobState, NotifySpec
from dailies.domain.outcomes import (
    BilledAmount,
    Failed,
    FailureCode,
    Handle,
    Output,
    Pending,
    PollOutcome,
)
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.observability import logger
from dailies.services.poll import PollPorts, poll
from dailies.services.recording import load
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH, ManualClock
from tests.fakes.vendor import CancelingVendor, FixedStats, Task, Vendor, VendorBook
from tests.unit.services.ledger_states import JOB_ID, ROUTES, RUN, a_job, an_attempt, written
from tests.unit.services.test_submit import NoStats
from tests.workflow.wiring import Wiring

TASK = an_attempt().attempt_id


class ScriptedVendor(Vendor):
    """Answers polls from a script; the last answer for ever."""

    answers: list[PollOutcome | Exception]

    def poll(self, handle: Handle) -> PollOutcome:
        self.polled_at.append(self.clock.now())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Lookout:
    """One task, `age_s` old, and everything around it."""

    vendor: Any
    ledger: InMemoryLedger
    ports: PollPorts
    clock: ManualClock
    stats: FixedStats = field(default_factory=FixedStats)

    def poll(self, remaining_s: float = 90) -> StepResult:
        return poll(StepInput(job_id=JOB_ID, run=RUN), self.ports, lambda: remaining_s)

    @property
    def attempt(self) -> Attempt:
        return load(self.ledger, JOB_ID).attempts[0]

    @property
    def job(self) -> Job:
        return load(self.ledger, JOB_ID).job

    def told(self) -> list[EventType]:
        return [event.type for event in self.ledger.events(JOB_ID)][1:]

    def change(self, do: Callable[[Draft], Draft]) -> None:
        self.ledger.apply(do(Draft(job=self.job, now=self.clock.now())).change())


def lookout(
    vendor_name: str = "google",
    *,
    kind: type[Vendor] = Vendor,
    age_s: float = 60,
    job: dict[str, Any] | None = None,
    **vendor: Any,
) -> Lookout:
    clock = ManualClock()
    fake = kind(vendor_name, clock, **vendor)
    fake.tasks[TASK] = Task(TASK, EPOCH)
    model = {"kling": "kling-3.0", "google": "veo-3.1-generate-001"}[vendor_name]
    attempt = an_attempt(vendor=vendor_name, model=model, resolution="720p", duration_s=5)
    ledger, stats = written(a_job(**(job or {})), attempt), FixedStats()
    clock.sleep(age_s)
    wiring = Wiring(ledger, clock, VendorBook({vendor_name: fake}), stats=stats)
    return Lookout(fake, ledger, wiring.poll_ports(), clock, stats)


def scripted(*answers: PollOutcome | Exception, **fields: Any) -> Lookout:
    at = lookout(kind=ScriptedVendor, **fields)
    at.vendor.answers = list(answers)
    return at


def test_vendor_is_asked_on_and_on_for_a_window_when_it_does_not_call_back() -> None:
    at = lookout(duration_s=1000)

    result = at.poll()

    assert (result.outcome, result.wait_s) == (Outcome.POLL, 0)
    assert at.clock.monotonic() == pytest.approx(60 + 62, abs=2)
    assert at.attempt.polls == len(at.vendor.polled_at) == 31
    assert at.attempt.state is AttemptState.GENERATING


def test_result_is_taken_as_soon_as_it_is_there() -> None:
    at = lookout(duration_s=77)

    assert at.poll().outcome is Outcome.STORE
    assert at.clock.monotonic() == 78
    assert (at.attempt.state, at.attempt.polls) == (AttemptState.FETCHING, 10)
    assert at.stats.recorded == [("google#veo-3.1-generate-001#720p#5", 78.0)]


def test_result_is_taken_when_its_duration_cannot_be_counted() -> None:
    at = lookout(duration_s=10)
    at.ports = replace(at.ports, stats=NoStats())

    assert at.poll().outcome is Outcome.STORE


def test_duration_is_not_counted_twice_when_a_fresh_address_is_asked_for() -> None:
    at = lookout(duration_s=10)
    outputs = [at.vendor._output(TASK)]
    again = an_attempt(
        vendor="google", model="veo-3.1-generate-001", outputs=outputs, state="generating"
    )
    at.change(lambda draft: draft.write_attempt(again, was=AttemptState.SUBMITTED))

    at.poll()

    assert at.stats.recorded == []


@pytest.mark.parametrize(("fetches", "pause_s"), [(1, 2), (4, 16), (9, 60)])
def test_vendor_gets_time_to_mend_a_file_before_it_is_asked_for_a_fresh_address(
    fetches: int, pause_s: int
) -> None:
    at = lookout(duration_s=10)
    again = an_attempt(
        vendor="google",
        model="veo-3.1-generate-001",
        outputs=[at.vendor._output(TASK)],
        state="generating",
        fetches=fetches,
    )
    at.change(lambda draft: draft.write_attempt(again, was=AttemptState.SUBMITTED))
    before = at.clock.now()

    assert at.poll().outcome is Outcome.STORE

    assert (at.vendor.polled_at[0] - before).total_seconds() == pause_s


def test_vendor_is_asked_once_when_it_calls_back() -> None:
    at = lookout("kling", duration_s=1000)

    result = at.poll()

    assert (result.outcome, result.wait_s) == (Outcome.AWAIT, 375 - 60)
    assert len(at.vendor.polled_at) == 1


def test_vendor_is_asked_once_when_the_task_is_far_past_its_usual_time() -> None:
    at = lookout(duration_s=10_000, age_s=600)

    assert (at.poll().wait_s, len(at.vendor.polled_at)) == (8, 1)


def test_short_invocation_asks_once_and_pauses() -> None:
    at = lookout(duration_s=1000)

    assert at.poll(remaining_s=5).outcome is Outcome.POLL
    assert len(at.vendor.polled_at) == 1
    assert at.clock.monotonic() == 62, "the next invocation asks at once"


def test_wait_ends_with_the_deadline() -> None:
    deadline = {"deadline_at": EPOCH + dt.timedelta(seconds=100)}
    at = lookout("kling", duration_s=1000, job=deadline)

    assert at.poll().wait_s == 40


def test_vendor_is_asked_a_last_time_at_the_deadline() -> None:
    deadline = {"deadline_at": EPOCH + dt.timedelta(seconds=71)}
    at = lookout(duration_s=1000, job=deadline)

    assert at.poll().outcome is Outcome.END
    assert at.vendor.polled_at[-1] == EPOCH + dt.timedelta(seconds=72)


def test_watch_ends_when_another_run_takes_the_job_over() -> None:
    at = lookout(duration_s=1000)
    at.clock.after(5, lambda: at.change(lambda d: d.set(run=2).event(EventType.RUN_OPENED)))

    assert at.poll().outcome is Outcome.SUPERSEDED
    assert at.attempt.polls == 0


def test_answer_is_not_written_when_the_job_changed_hands_meanwhile() -> None:
    at = lookout("kling", duration_s=1000)
    at.vendor.interrupt = lambda phase, call: (
        at.change(lambda d: d.set(run=2).event(EventType.RUN_OPENED)) if phase == "after" else None
    )

    assert at.poll().outcome is Outcome.SUPERSEDED
    assert at.attempt.state is AttemptState.SUBMITTED


def test_vendor_is_told_to_stop_once_when_a_cancel_comes_during_the_watch() -> None:
    at = lookout(kind=CancelingVendor, duration_s=1000)
    at.clock.after(
        5,
        lambda: at.change(lambda d: d.set(state=JobState.CANCELING).event(EventType.JOB_CANCELING)),
    )

    assert at.poll().outcome is Outcome.END
    assert at.vendor.calls.count("cancel") == 1
    assert at.attempt.failure is not None
    assert at.attempt.failure.code == "canceled"


def test_polling_goes_on_when_the_vendor_cannot_be_told_to_stop() -> None:
    at = lookout(kind=CancelingVendor, duration_s=70, job={"state": JobState.CANCELING})

    def refuse(handle: Handle) -> None:
        raise ProviderThrottledError("busy", vendor="google")

    at.vendor.cancel = refuse

    assert at.poll().outcome is Outcome.STORE


def test_vendor_in_trouble_is_asked_less_often_then_waited_for() -> None:
    at = lookout(duration_s=1000, polls_down=999)

    result = at.poll()

    assert (result.outcome, result.wait_s) == (Outcome.AWAIT, 8)
    gaps = {
        (later - earlier).total_seconds()
        for earlier, later in zip(at.vendor.polled_at, at.vendor.polled_at[1:], strict=False)
    }
    assert gaps == {4.0}
    assert at.attempt.state is AttemptState.SUBMITTED, "nothing was found out"


def test_vendor_is_left_alone_for_as_long_as_it_asks() -> None:
    busy = ProviderThrottledError("busy", vendor="google", retry_after_s=120)
    at = scripted(busy)

    result = at.poll()

    assert (result.outcome, result.wait_s, len(at.vendor.polled_at)) == (Outcome.AWAIT, 120, 1)


def test_terminal_callback_is_not_slept_over_when_its_poll_finds_nothing_out() -> None:
    at = lookout("kling", duration_s=10, polls_down=1)

    assert (at.poll().outcome, at.poll().outcome) == (Outcome.AWAIT, Outcome.STORE)


def test_unknown_status_is_warned_of_once_and_stays_pending() -> None:
    lines: list[Any] = []
    handler = logging.Handler()
    handler.emit = lines.append  # type: ignore[method-assign]
    logger._logger.addHandler(handler)
    try:
        at = scripted(Pending(unknown_status="pondering"))
        assert at.poll().outcome is Outcome.POLL
    finally:
        logger._logger.removeHandler(handler)
    codes = [getattr(line, "code", "") for line in lines]
    assert codes.count("unknown_status") == 1


def test_task_that_queues_is_not_generating() -> None:
    at = scripted(Pending(started=False))
    at.poll()
    assert at.attempt.state is AttemptState.SUBMITTED


def progress(*fractions: float, asked: bool) -> Lookout:
    events: list[Any] = ["job.progress"] if asked else []
    request = JobRequest(
        kind="text_to_video", model=ROUTES[0], prompt="x", notify=NotifySpec(events=events)
    )
    answers = [Pending(fraction=fraction) for fraction in fractions]
    at = scripted(*answers, job={"request": request})
    for _ in fractions:
        at.poll(remaining_s=0)
    return at


def test_progress_is_told_in_steps_when_it_was_asked_for() -> None:
    at = progress(0.05, 0.1, 0.15, 0.3, 0.31, 1.7, asked=True)

    told = [e.data["fraction"] for e in at.ledger.events(JOB_ID) if e.type == "job.progress"]
    assert told == [0.1, 0.3, 1.0]
    assert (at.job.progress.fraction, at.job.progress.basis) == (1.0, "measured")


def test_progress_is_kept_but_not_told_when_nobody_asked() -> None:
    at = progress(0.5, asked=False)

    assert at.told() == []
    assert at.job.progress.fraction == 0.5


def test_late_look_asks_once_and_ends_when_the_job_has_its_answer() -> None:
    at = lookout(duration_s=1000, job={"state": JobState.EXPIRED})

    assert at.poll().outcome is Outcome.DONE
    assert len(at.vendor.polled_at) == 1


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (AttemptState.RESERVED, Outcome.SUBMIT),
        (AttemptState.SUBMITTING, Outcome.RESOLVE),
        (AttemptState.FETCHING, Outcome.STORE),
    ],
)
def test_attempt_without_a_handle_is_sent_on(state: AttemptState, outcome: Outcome) -> None:
    at = lookout()
    other = an_attempt(state=state, handle=None)
    at.change(lambda draft: draft.write_attempt(other, was=AttemptState.SUBMITTED))

    assert at.poll().outcome is outcome
    assert at.vendor.calls == []


_NO_FILE = [FailureCode.RESULT_MISSING, FailureCode.RESULT_EXPIRED]


@pytest.mark.parametrize("code", _NO_FILE)
def test_nobody_else_is_asked_and_the_list_price_is_charged_when_a_success_has_no_file(
    code: FailureCode,
) -> None:
    at = scripted(Failed(code=code, message="Done, but there is no file."), vendor_name="kling")

    assert at.poll().outcome is Outcome.END
    assert (at.attempt.state, at.job.charged) == (AttemptState.FAILED, Charged.YES)
    assert at.attempt.charge is not None
    assert (at.attempt.charge.basis, at.attempt.charge.amount_usd) == ("catalogue", Decimal("0.42"))


def test_vendors_own_bill_is_charged_when_a_success_has_no_file() -> None:
    billed = BilledAmount(amount=Decimal(3), unit="kling_unit", amount_usd=Decimal("0.30"))
    missing = Failed(code=FailureCode.RESULT_MISSING, message="No file.", billed=billed)
    at = scripted(missing, vendor_name="kling")

    at.poll()

    assert at.attempt.charge is not None
    assert (at.attempt.charge.basis, at.attempt.charge.amount_usd) == ("vendor", Decimal("0.30"))


def test_nobody_else_is_asked_when_a_vendor_takes_its_success_back() -> None:
    at = scripted(Failed(code=FailureCode.VENDOR_FAILED, message="Failed."), vendor_name="kling")
    made = [Output(content_type="video/mp4", data={"url": "https://cdn.example/1.mp4"})]
    had = at.attempt.model_copy(update={"outputs": made})
    at.change(lambda draft: draft.write_attempt(had, was=had.state))

    assert at.poll().outcome is Outcome.END
    assert at.job.charged is Charged.YES


def test_another_vendor_is_asked_when_the_first_says_that_it_failed() -> None:
    at = scripted(Failed(code=FailureCode.VENDOR_FAILED, message="Failed."), vendor_name="kling")

    assert at.poll().outcome is Outcome.PLAN
    assert at.job.charged is Charged.NO
