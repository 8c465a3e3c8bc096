"""Figures that no write of the ledger tells: how late an end was seen, and what the sweeper saw."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from dailies.bootstrap import SweeperPorts
from dailies.domain.attempts import AttemptState
from dailies.domain.catalogue import Catalogue, load_catalogue
from dailies.domain.events import EventType
from dailies.domain.outcomes import Output, Pending, Succeeded
from dailies.domain.ports import ExecutionStatus
from dailies.handlers import sweep
from dailies.providers._kling_tasks import KlingTask
from dailies.services.sweep import SweepPorts
from tests.fakes.api import RecordedCompute
from tests.fakes.time import EPOCH, ManualClock
from tests.unit.services.ledger_states import a_job, written
from tests.unit.services.test_poll import lookout, scripted
from tests.unit.services.test_runs import LATER, Engine
from tests.workflow.wiring import Context

DONE = Succeeded(outputs=[Output(content_type="video/mp4", data={"url": "https://any.example"})])
Lines = pytest.CaptureFixture[str]


class SilentBus:
    """Takes every event."""

    def put(self, *_: Any) -> None:
        return


def values(capsys: Lines, name: str) -> list[float]:
    """Return the values of one metric that were written."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line[name][0] for line in lines if name in line]


# ---------------------------------------------------------------- detection delay


def test_delay_is_the_time_since_the_task_was_seen_at_work_when_nobody_says(
    capsys: Lines,
) -> None:
    at = scripted(Pending(), DONE)

    at.poll()

    assert at.attempt.state is AttemptState.FETCHING
    assert values(capsys, "DetectionDelay") == [pytest.approx(2.0, abs=1)]


def test_delay_is_the_vendors_own_when_it_says_when_it_ended(capsys: Lines) -> None:
    at = scripted(DONE.model_copy(update={"finished_at": EPOCH + dt.timedelta(seconds=47)}))

    at.poll()

    assert values(capsys, "DetectionDelay") == [pytest.approx(60 - 47)]


def test_delay_is_bounded_by_what_we_saw_when_the_vendors_clock_is_absurd(capsys: Lines) -> None:
    at = scripted(Pending(), DONE.model_copy(update={"finished_at": EPOCH.replace(year=1970)}))

    at.poll()

    assert values(capsys, "DetectionDelay") == [pytest.approx(2.0, abs=1)]


@pytest.mark.parametrize(
    ("changed_ms", "finished_at"),
    [
        (1795176085000, dt.datetime(2026, 11, 20, 12, 1, 25, tzinfo=dt.UTC)),
        (None, None),
        ("soon", None),
        (10**30, None),
        (True, None),
    ],
)
def test_kling_says_when_it_ended_where_its_reply_can_be_read(
    changed_ms: object, finished_at: dt.datetime | None
) -> None:
    task = KlingTask.model_validate(
        {
            "id": "1",
            "status": "succeeded",
            "videos": ({"url": "https://any.example/a.mp4"},),
            "changed_ms": changed_ms,
        }
    )

    outcome = task.outcome()

    assert isinstance(outcome, Succeeded)
    assert outcome.finished_at == finished_at


def test_delay_is_nothing_when_the_vendors_clock_is_ahead(capsys: Lines) -> None:
    at = scripted(DONE.model_copy(update={"finished_at": EPOCH + dt.timedelta(hours=1)}))

    at.poll()

    assert values(capsys, "DetectionDelay") == [0.0]


def test_delay_is_not_counted_when_the_task_goes_on(capsys: Lines) -> None:
    lookout(duration_s=1000).poll()

    assert not values(capsys, "DetectionDelay")


# ---------------------------------------------------------------- the sweeper


def swept(*due_s_ago: float, catalogue: Catalogue | None = None, event_age_s: float = 0) -> None:
    """Run the sweeper over jobs that were due so long ago."""
    ledger = written(a_job(due_at=LATER - dt.timedelta(seconds=max(due_s_ago, default=-900))))
    if event_age_s:
        ledger.apply(_with_event(ledger, LATER - dt.timedelta(seconds=event_age_s)))
    else:
        for event in list(ledger.unpublished(LATER, limit=100)):
            ledger.mark_published(event)
    engine = Engine(ExecutionStatus.RUNNING)
    jobs = SweepPorts(
        ledger, ManualClock(LATER), catalogue or load_catalogue(), engine, RecordedCompute()
    )
    sweep.handler({}, Context(), SweeperPorts(jobs, SilentBus()))


def _with_event(ledger: Any, at: dt.datetime) -> Any:
    from dailies.domain.changes import Draft

    for event in list(ledger.unpublished(LATER, limit=100)):
        ledger.mark_published(event)
    (job,) = (ledger.job(a_job().job_id),)
    return Draft(job, at).event(EventType.JOB_PARKED, reason="runs_used_up").change()


def test_oldest_due_job_is_told_by_its_age_when_it_is_late(capsys: Lines) -> None:
    swept(700)

    assert values(capsys, "OldestDueJobSeconds") == [700.0]


def test_sweeper_says_that_there_is_nothing_when_there_is_nothing(capsys: Lines) -> None:
    swept()

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    seen = {name: line[name][0] for line in lines for name in line if isinstance(line[name], list)}
    assert seen["DueJobs"] == seen["OldestDueJobSeconds"] == seen["OutboxLag"] == 0.0
    assert "RetiringModels" in seen


def test_outbox_lag_is_the_oldest_events_age_when_it_was_not_published(capsys: Lines) -> None:
    swept(event_age_s=400)

    assert values(capsys, "OutboxLag") == [400.0]


def test_a_retiring_model_is_counted_when_its_day_is_near(capsys: Lines) -> None:
    swept(catalogue=_with_retirement(LATER.date() + dt.timedelta(days=29)))
    near = values(capsys, "RetiringModels")
    swept(catalogue=_with_retirement(LATER.date() + dt.timedelta(days=31)))
    far = values(capsys, "RetiringModels")

    assert near[0] - far[0] == 1.0


def _with_retirement(on: dt.date) -> Catalogue:
    catalogue = load_catalogue()
    kling = catalogue.vendor("kling")
    first = kling.models[0]
    ending = first.model_copy(
        update={"lifecycle": first.lifecycle.model_copy(update={"retires_on": on})}
    )
    changed = kling.model_copy(update={"models": [ending, *kling.models[1:]]})
    return Catalogue(vendors={**catalogue.vendors, "kling": changed})
