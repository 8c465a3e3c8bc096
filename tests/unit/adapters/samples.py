"""Full-grown models for tests of the adapters: every field has a value that is not its default."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from dailies.domain.assets import Asset, AssetKind, MediaFacts, PartialUpload, StoredPart
from dailies.domain.attempts import Attempt, AttemptFailure, AttemptState, Charge
from dailies.domain.changes import Creation, Draft
from dailies.domain.events import Event, EventType
from dailies.domain.ids import attempt_id, event_id, new_id
from dailies.domain.jobs import AssetRef, Job, JobRequest
from dailies.domain.outcomes import BilledAmount, Handle, Output

NOW = dt.datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def a_job(at: dt.datetime = NOW, **fields: Any) -> Job:
    request = JobRequest(kind="text_to_video", model="kling/v3", prompt="A heron at dawn, 黎明 🎬")
    values: dict[str, Any] = {
        "job_id": new_id("job", at),
        "tenant": "acme",
        "stage_at": at,
        "request": request,
        "routes": ["kling/v3", "google/veo"],
        "estimate_usd": Decimal("0.84"),
        "created_at": at,
        "updated_at": at,
        "deadline_at": at + dt.timedelta(hours=2),
        "due_at": at + 60 * SECOND,
        "event_seq": 1,
        "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
    }
    return Job.model_validate(values | fields)


def a_creation(job: Job, *, key: str = "key-1", **fields: Any) -> Creation:
    event = Event(
        event_id=event_id(job.job_id, 1),
        job_id=job.job_id,
        tenant=job.tenant,
        seq=1,
        type=EventType.JOB_QUEUED,
        at=job.created_at,
        data={"model": "kling/v3"},
    )
    values: dict[str, Any] = {
        "idempotency_key": key,
        "body_sha256": "ab" * 32,
        "answer": '{"id": "1"}',
    }
    return Creation(job=job, event=event, **(values | fields))


def an_attempt(job: Job, number: int = 1, **fields: Any) -> Attempt:
    values: dict[str, Any] = {
        "job_id": job.job_id,
        "number": number,
        "attempt_id": attempt_id(job.job_id, number),
        "vendor": "kling",
        "model": "v3",
        "created_at": NOW,
    }
    return Attempt.model_validate(values | fields)


def a_full_attempt(job: Job) -> Attempt:
    part = StoredPart(number=1, size_bytes=8_388_608, etag='"e"', sha256="c2hh")
    billed = BilledAmount(amount=Decimal("2.5"), unit="kling_unit", amount_usd=Decimal("0.35"))
    return an_attempt(
        job,
        step=1,
        route=1,
        state=AttemptState.FETCHING,
        submitting_at=NOW,
        submitted_at=NOW + SECOND,
        finished_at=NOW + 2 * SECOND,
        submits=2,
        lookups=3,
        polls=4,
        fetches=5,
        handle=Handle(vendor="kling", version=2, data={"task_id": "t", "nested": {"n": 1.5}}),
        outputs=[Output(content_type="video/mp4", data={"url": "https://example.com/v"})],
        billed=billed,
        charge=Charge(amount_usd=Decimal("0.35"), basis="vendor", billed=billed),
        failure=AttemptFailure(code="vendor_failed", message="no", reasons=["r"]),
        asset_id=new_id("ast", NOW),
        upload=PartialUpload(
            key="k", upload_id="u", output=1, parts=[part], validator='"v"', started_at=NOW
        ),
        degraded=["negative_prompt"],
    )


def an_asset(tenant: str = "acme", **fields: Any) -> Asset:
    values: dict[str, Any] = {
        "asset_id": new_id("ast", NOW),
        "tenant": tenant,
        "kind": AssetKind.UPLOAD,
        "key": "uploads/acme/a",
        "content_type": "image/png",
        "size_bytes": 1234,
        "media": MediaFacts(container="png", width=1280, height=720, fps=29.97),
        "created_at": NOW,
    }
    return Asset.model_validate(values | fields)


def with_images(job: Job, *asset_ids: str) -> Job:
    refs = [AssetRef(asset_id=asset_id) for asset_id in asset_ids]
    request = job.request.model_copy(update=dict(zip(("image", "last_frame"), refs, strict=False)))
    return job.model_copy(update={"request": request})


def draft(job: Job, at: dt.datetime = NOW + SECOND) -> Draft:
    return Draft(job, at)
