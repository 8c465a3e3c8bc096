"""What dropped files may cost: counted before a job exists, given back where nothing was spent."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.assets import Asset, AssetKind
from dailies.domain.changes import Draft
from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import DeliveryRefusedError, StorageError
from dailies.domain.events import EventType
from dailies.domain.ids import event_id, new_id
from dailies.domain.jobs import Charged, Job, JobError, JobState
from dailies.services.deliver_outbox import OutboxPorts, deliver_outbox
from tests.unit.services.inbox_stage import MODEL, ROOT, Stage

PRICED = {**MODEL, "duration_s": 5}
PRICE = Decimal("0.560")
"""Five seconds at the first resolution of the list."""


class Outbox:
    """Ends jobs and delivers their ends."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.ports = OutboxPorts(
            arrivals=stage.arrivals,
            folder=stage.folder,
            ledger=stage.ledger,
            clock=stage.clock,
        )

    def end(self, job: Job, state: JobState, **fields: Any) -> DeliveryRef:
        """End a job, and return the reference of its terminal event."""
        now = self.stage.clock.now()
        draft = Draft(job, now).set(state=state, finished_at=now, due_at=None, **fields)
        draft.event(EventType(f"job.{state.value}"))
        self.stage.ledger.apply(draft.change())
        seq = job.event_seq + 1
        return DeliveryRef(event_id=event_id(job.job_id, seq), job_id=job.job_id, seq=seq)

    def succeed(self, job: Job) -> DeliveryRef:
        """End a job with one video."""
        asset_id = new_id("ast", job.created_at)
        key = f"outputs/acme/{job.job_id}/{asset_id}.mp4"
        self.stage.folder.upload(key, b"a video")
        self.stage.ledger.put_asset(
            Asset(
                asset_id=asset_id,
                tenant="acme",
                kind=AssetKind.OUTPUT,
                key=key,
                content_type="video/mp4",
                size_bytes=7,
                created_at=job.created_at,
            )
        )
        return self.end(
            job, JobState.SUCCEEDED, assets=[asset_id], charged=Charged.YES, cost_usd=PRICE
        )

    def files(self, path: str) -> dict[str, bytes]:
        """Return what the outbox holds about a file, by ending."""
        prefix = f"outbox/acme/{path}."
        found = self.stage.folder.objects.items()
        return {
            key.removeprefix(prefix).partition(".")[2]: versions[-1].data
            for key, versions in found
            if key.startswith(prefix)
        }


@pytest.fixture
def stage() -> Stage:
    stage = Stage(daily_cap_usd="1.20")
    stage.put("_defaults.json", PRICED)
    return stage


@pytest.fixture
def outbox(stage: Stage) -> Outbox:
    return Outbox(stage)


def test_job_is_counted_under_each_cap_when_it_starts(stage: Stage) -> None:
    stage.put("a/_defaults.json", {"spend_cap_usd": "0.60"})
    stage.put("a/one.txt", "A heron")

    assert (stage.spent(), stage.spent(f"{ROOT}a/")) == (str(PRICE), str(PRICE))


def test_no_job_starts_when_a_folder_above_has_too_little_left(stage: Stage) -> None:
    stage.put("a/_defaults.json", {"spend_cap_usd": 0.6})
    stage.put("a/b/_defaults.json", {"spend_cap_usd": 100})
    stage.put("a/b/one.txt", "A heron")
    stage.put("a/b/two.txt", "A tram")

    assert len(stage.jobs()) == 1
    problem = stage.problem("a/b/two.txt")
    assert problem["code"] == "spend_cap_exceeded"
    assert f"{ROOT}a/" in problem["message"]
    assert stage.spent() == str(PRICE)


def test_operators_cap_holds_when_a_folder_asks_for_more(stage: Stage) -> None:
    stage.put("_defaults.json", {**PRICED, "spend_cap_usd": 1000})
    for name in ("one", "two", "three"):
        stage.put(f"{name}.txt", "A heron")

    assert len(stage.jobs()) == 2
    assert stage.problem("three.txt")["code"] == "spend_cap_exceeded"


def test_cap_is_fresh_when_the_next_day_begins(stage: Stage) -> None:
    for name in ("one", "two"):
        stage.put(f"{name}.txt", "A heron")
    stage.clock.advance(86_400)
    stage.put("three.txt", "A heron")

    assert len(stage.jobs()) == 3


def test_dearest_route_is_counted_when_there_are_fallbacks(stage: Stage) -> None:
    fallback = {"fallbacks": ["google/veo-3.1-generate-001"], "duration_s": None}
    stage.put("_defaults.json", {**MODEL, **fallback})
    stage.put("one.txt", "A heron")

    assert stage.jobs() == []
    assert stage.problem("one.txt")["code"] == "spend_cap_exceeded"


def test_money_is_given_back_once_when_the_job_ends_unpaid(stage: Stage, outbox: Outbox) -> None:
    stage.put("one.txt", "A heron")
    error = JobError(code="rejected", message="The vendor refused it.", hint="Change the prompt.")
    ref = outbox.end(stage.jobs()[0], JobState.FAILED, error=error)
    for _ in range(3):
        deliver_outbox(ref, outbox.ports)

    assert stage.spent() == "0.000"
    files = outbox.files("one.txt")
    assert set(files) == {"job.json", "problem.json"}
    problem = json.loads(files["problem.json"])
    assert (problem["code"], problem["hint"]) == ("rejected", "Change the prompt.")
    assert (problem["charged"], problem["object"]["key"]) == ("no", f"{ROOT}one.txt")


@pytest.mark.parametrize("charged", [Charged.YES, Charged.UNKNOWN])
def test_money_stays_counted_when_it_was_or_may_be_spent(
    stage: Stage, outbox: Outbox, charged: Charged
) -> None:
    stage.put("one.txt", "A heron")
    ref = outbox.end(stage.jobs()[0], JobState.EXPIRED, charged=charged)
    deliver_outbox(ref, outbox.ports)

    assert stage.spent() == str(PRICE)


def test_video_and_note_lie_in_the_outbox_when_the_job_succeeds(
    stage: Stage, outbox: Outbox
) -> None:
    told = stage.put("a/one.txt", "A heron")
    (job,) = stage.jobs()
    ref = outbox.succeed(job)
    deliver_outbox(ref, outbox.ports)
    deliver_outbox(ref, outbox.ports)

    files = outbox.files("a/one.txt")
    assert files["mp4"] == b"a video"
    note = json.loads(files["job.json"])
    assert note["files"] == [f"outbox/acme/a/one.txt.{job.job_id}.mp4"]
    assert note["state"] == "succeeded"
    assert stage.state(told) == "ended"


def test_job_from_the_api_is_let_be_when_it_ends(stage: Stage, outbox: Outbox) -> None:
    ref = DeliveryRef(
        event_id="evt_01K3Z5N8Q4T7W2X9Y6V1B0C3D5_000002",
        job_id="job_01K3Z5N8Q4T7W2X9Y6V1B0C3D5",
        seq=2,
    )
    before = set(stage.folder.objects)
    deliver_outbox(ref, outbox.ports)

    assert set(stage.folder.objects) == before


def test_delivery_is_refused_when_there_is_no_such_event(stage: Stage, outbox: Outbox) -> None:
    stage.put("one.txt", "A heron")
    (job,) = stage.jobs()
    ref = DeliveryRef(event_id=event_id(job.job_id, 9), job_id=job.job_id, seq=9)

    with pytest.raises(DeliveryRefusedError):
        deliver_outbox(ref, outbox.ports)


def test_end_is_told_whole_when_the_function_dies_anywhere() -> None:
    def dying(number: int) -> Callable[[str, str], None]:
        seen = 0

        def interrupt(phase: str, write: str) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                raise StorageError("died")

        return interrupt

    died = 0
    for number in range(1, 30):
        stage = Stage()
        outbox = Outbox(stage)
        stage.put("_defaults.json", PRICED)
        stage.put("one.txt", "A heron")
        ref = outbox.end(stage.jobs()[0], JobState.CANCELED)
        stage.interrupt(dying(number))
        try:
            deliver_outbox(ref, outbox.ports)
        except StorageError:
            died += 1
        stage.interrupt(lambda phase, write: None)
        deliver_outbox(ref, outbox.ports)

        assert stage.spent() == "0.000"
        assert json.loads(outbox.files("one.txt")["job.json"])["state"] == "canceled"
    assert died >= 4
