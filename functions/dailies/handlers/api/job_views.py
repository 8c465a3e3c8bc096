"""What the API shows of jobs, attempts and events. The ledger holds more, which never leaves it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pydantic import ConfigDict, Field

from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.catalogue import Catalogue, Mode
from dailies.domain.events import Event, EventType
from dailies.domain.ids import attempt_id
from dailies.domain.jobs import (
    Charged,
    Job,
    JobError,
    JobRequest,
    JobState,
    JobWarning,
    Progress,
    Stage,
)
from dailies.domain.ports import Page
from dailies.handlers.api.enhancement_views import EnhancementView, enhancement_view
from dailies.handlers.api.view import View


class JobLinks(View):
    """Where the job's parts and actions are, relative to the API."""

    self: str
    attempts: str
    events: str
    cancel: str


class JobOutput(View):
    """One result. `GET /v1/assets/{asset_id}` tells its media facts."""

    asset_id: str
    asset: str
    """Path of its facts."""
    download: str
    """Path to POST to for a URL of the bytes."""


class AttemptInUse(View):
    """The newest attempt."""

    number: int
    attempt_id: str
    vendor: str
    model: str


class UsualTime(View):
    """How long this model usually takes, in seconds."""

    p50: float
    p95: float


class JobView(View):
    """A job, as its owner sees it."""

    model_config = ConfigDict(title="Job")

    job_id: str = Field(examples=["job_01K3Z5N8Q4T7W2X9Y6V1B0C3D5"])
    state: JobState
    stage: Stage
    stage_at: dt.datetime
    """When it entered the stage."""
    progress: Progress
    kind: Mode
    model: str | None
    """The model asked for, as `<vendor>/<model>`; null where none is: kind `enhance`."""
    attempt: AttemptInUse | None
    """Null before the first."""
    request: JobRequest
    estimate_usd: Decimal
    """What the price list of the model asks, in US dollars; `POST /v1/quotes` tells of the rest."""
    charged: Charged
    """Whether money was spent so far; `unknown` while that cannot be told."""
    cost_usd: Decimal
    """What was spent so far, in US dollars, as far as it is known."""
    usual_s: UsualTime | None
    """Of the model in use."""
    outputs: list[JobOutput]
    enhancement: EnhancementView | None
    """What became of `request.enhance`; null before it begins."""
    warnings: list[JobWarning]
    """What is not as it was wished, though the job has its result."""
    error: JobError | None
    """Why it did not succeed."""
    metadata: dict[str, str]
    created_at: dt.datetime
    updated_at: dt.datetime
    deadline_at: dt.datetime
    finished_at: dt.datetime | None
    cancel_requested_at: dt.datetime | None
    trace_id: str
    links: JobLinks


class JobPage(View):
    """One page of jobs, newest first."""

    items: list[JobView]
    next_cursor: str | None
    """Send it as `cursor` to go on; null at the end."""


class ChargeView(View):
    """What an attempt cost."""

    amount_usd: Decimal
    basis: str = Field(examples=["vendor", "catalogue"])
    """`vendor`: its reply says so. `catalogue`: its price list, as we hold it."""


class AttemptFailureView(View):
    """Why an attempt ended without a result."""

    code: str
    message: str
    vendor_code: str
    reasons: list[str]


class AttemptView(View):
    """One paid call to one vendor."""

    model_config = ConfigDict(title="Attempt")

    attempt_id: str
    """Our external id at the vendor."""
    number: int
    vendor: str
    model: str
    state: AttemptState
    created_at: dt.datetime
    submitting_at: dt.datetime | None
    submitted_at: dt.datetime | None
    finished_at: dt.datetime | None
    submits: int
    """How often the vendor was asked to begin; more than one only after a certain refusal."""
    lookups: int
    polls: int
    charge: ChargeView | None
    failure: AttemptFailureView | None
    asset_id: str | None
    degraded: list[str]
    """Options that were dropped, as `lenient` allows."""


class AttemptList(View):
    """A job's attempts, oldest first."""

    items: list[AttemptView]


class EventView(View):
    """One line of a job's log."""

    model_config = ConfigDict(title="Event")

    event_id: str
    seq: int
    """1 for the first; without gaps."""
    type: EventType
    at: dt.datetime
    data: dict[str, Any]


class EventPage(View):
    """A job's events, in order."""

    items: list[EventView]
    next_after: int | None
    """Send it as `after` to go on; null where nothing more was there yet."""


def job_view(job: Job, catalogue: Catalogue) -> JobView:
    """Return what a job's owner sees, from its row alone."""
    in_use = job.model_in_use
    found = catalogue.find(in_use) if in_use else None
    latency = found[1].latency_s if found else None
    return JobView(
        **job.model_dump(include=_SAME),
        progress=job.progress,
        request=job.request,
        error=job.error,
        kind=job.request.kind,
        model=job.request.model,
        attempt=_attempt_in_use(job),
        usual_s=UsualTime(p50=latency.p50, p95=latency.p95) if latency else None,
        outputs=[_output(asset_id) for asset_id in job.assets],
        enhancement=enhancement_view(job.enhancement) if job.enhancement else None,
        warnings=job.warnings,
        metadata=job.request.metadata,
        links=_links(job.job_id),
    )


_SAME = {
    *("job_id", "state", "stage", "stage_at", "estimate_usd", "charged", "cost_usd", "trace_id"),
    *("created_at", "updated_at", "deadline_at", "finished_at", "cancel_requested_at"),
}


def job_page(page: Page[Job], catalogue: Catalogue) -> JobPage:
    """Return a page of jobs."""
    return JobPage(items=[job_view(j, catalogue) for j in page.items], next_cursor=page.cursor)


def attempt_list(attempts: tuple[Attempt, ...]) -> AttemptList:
    """Return a job's attempts."""
    return AttemptList(items=[_attempt(a) for a in attempts])


def event_page(events: tuple[Event, ...], limit: int) -> EventPage:
    """Return a page of events that was read with `limit`."""
    return EventPage(
        items=[EventView(**e.model_dump(exclude={"job_id", "tenant"})) for e in events],
        next_after=events[-1].seq if len(events) == limit else None,
    )


def _attempt(attempt: Attempt) -> AttemptView:
    charge, failure = attempt.charge, attempt.failure
    return AttemptView(
        **attempt.model_dump(include=set(AttemptView.model_fields) - {"charge", "failure"}),
        charge=charge and ChargeView(amount_usd=charge.amount_usd, basis=charge.basis),
        failure=failure and AttemptFailureView(**failure.model_dump(exclude={"may_fail_over"})),
    )


def _attempt_in_use(job: Job) -> AttemptInUse | None:
    if job.attempt == 0:
        return None
    vendor, _, model = job.routes[job.route].partition("/")
    name = attempt_id(job.job_id, job.attempt)
    return AttemptInUse(number=job.attempt, attempt_id=name, vendor=vendor, model=model)


def _output(asset_id: str) -> JobOutput:
    path = f"/v1/assets/{asset_id}"
    return JobOutput(asset_id=asset_id, asset=path, download=f"{path}/download-url")


def _links(job_id: str) -> JobLinks:
    path = f"/v1/jobs/{job_id}"
    return JobLinks(
        self=path, attempts=f"{path}/attempts", events=f"{path}/events", cancel=f"{path}/cancel"
    )
