"""Create a job in two round trips: a transaction that also answers replays, and a start."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from dailies.domain.catalogue import Catalogue, Lifecycle, ModelSpec, VendorSpec
from dailies.domain.changes import Creation, Replay
from dailies.domain.compute_prices import load_compute_prices
from dailies.domain.enhance_rules import refuse_enhancement
from dailies.domain.errors import (
    FetchRefusedError,
    FieldProblem,
    InvalidRequestError,
    StorageError,
)
from dailies.domain.events import Event, EventType
from dailies.domain.ids import NewId, event_id
from dailies.domain.jobs import Job, JobRequest
from dailies.domain.options import resolve_options
from dailies.domain.ports import Clock, Ledger, Workflow

_START_GRACE = dt.timedelta(seconds=60)
"""A job whose start was refused or lost is started by the sweeper after this."""


class ModelRetiredError(InvalidRequestError):
    """A model of the request takes no new jobs any more."""

    code = "model_retired"


class IdempotencyKeyReusedError(InvalidRequestError):
    """The idempotency key belongs to another request."""

    code = "idempotency_key_reused"


@dataclass(frozen=True)
class Created:
    """What the caller gets: the same for a new job and for a replay."""

    job_id: str
    answer: str
    """The response body, as JSON text."""
    replayed: bool


def create_job(
    request: JobRequest,
    *,
    tenant: str,
    idempotency_key: str,
    describe: Callable[[Job], str],
    check_webhook: Callable[[str], None] | None = None,
    trace_id: str,
    ledger: Ledger,
    workflow: Workflow,
    catalogue: Catalogue,
    clock: Clock,
    new_id: NewId,
) -> Created:
    """Return the new job's answer, or the stored one where the same request was sent before.

    `describe` makes the response body of a job. It is stored, so that a replay gets the same bytes.
    `check_webhook` raises FetchRefusedError for an address that nothing can be delivered to.

    Raises:
        InvalidRequestError: the request cannot be carried out.
        ModelRetiredError: one of its models takes no new jobs.
        IdempotencyKeyReusedError: the key belongs to another request.
        ConflictError: a request with the same key is being worked on.
        StorageError: the ledger did not answer; whether the job exists is not known.
    """
    now = clock.now()
    try:
        _check_webhook(request, check_webhook)
        refuse_enhancement(request, load_compute_prices())
        estimate_usd = next(iter(price_routes(request, catalogue, now.date())), Decimal(0))
    except InvalidRequestError:
        # What is refused today may have been taken yesterday: its model may have retired since.
        if (earlier := ledger.earlier(tenant, idempotency_key, now)) is None:
            raise
        return _replayed(earlier, _fingerprint(request))
    job = _new_job(
        request, tenant, estimate_usd, now=now, job_id=new_id("job", now), trace_id=trace_id
    )
    return _written(_creation(job, idempotency_key, describe(job)), ledger, workflow)


def lifecycle_of(routes: list[str], catalogue: Catalogue) -> Lifecycle:
    """Return the earliest deprecation and retirement date among a job's models."""
    found = [pair[1].lifecycle for pair in map(catalogue.find, routes) if pair is not None]
    return Lifecycle(
        deprecated_on=min((c.deprecated_on for c in found if c.deprecated_on), default=None),
        retires_on=min((c.retires_on for c in found if c.retires_on), default=None),
    )


def price_routes(request: JobRequest, catalogue: Catalogue, today: dt.date) -> list[Decimal]:
    """Return what each route's price list asks, the first route's first; a job may have none.

    Raises:
        InvalidRequestError: a route cannot do what is asked.
        ModelRetiredError: one takes no new jobs.
    """
    pointers = ["/model", *(f"/fallbacks/{i}" for i in range(len(request.fallbacks)))]
    routes = list(zip(request.models, pointers, strict=False))
    found = [_find(ref, pointer, catalogue, today) for ref, pointer in routes]
    return [
        resolve_options(request, vendor, model, pointer=pointer)[0].price_usd(model)
        for (vendor, model), (_, pointer) in zip(found, routes, strict=True)
    ]


def _check_webhook(request: JobRequest, check: Callable[[str], None] | None) -> None:
    webhook = request.notify.webhook
    if webhook is None or check is None:
        return
    try:
        check(webhook.url)
    except FetchRefusedError as exc:
        problem = FieldProblem("/notify/webhook/url", str(exc))
        raise InvalidRequestError(
            "The webhook could never be delivered.",
            (problem,),
            hint="Give an https:// address of a public host, on port 443.",
        ) from exc


def _find(
    ref: str, pointer: str, catalogue: Catalogue, today: dt.date
) -> tuple[VendorSpec, ModelSpec]:
    found = catalogue.find(ref)
    if found is None:
        problem = FieldProblem(pointer, f"There is no model {ref}.")
        raise InvalidRequestError(
            f"There is no model {ref}.", (problem,), hint="GET /v1/models lists the models."
        )
    lifecycle = found[1].lifecycle
    if lifecycle.retired(today):
        message = f"{ref} was retired on {lifecycle.retires_on}."
        hint = f"Use {lifecycle.replacement}." if lifecycle.replacement else "See GET /v1/models."
        raise ModelRetiredError(message, (FieldProblem(pointer, message),), hint=hint)
    return found


def _new_job(
    request: JobRequest,
    tenant: str,
    estimate_usd: Decimal,
    *,
    now: dt.datetime,
    job_id: str,
    trace_id: str,
) -> Job:
    return Job(
        job_id=job_id,
        tenant=tenant,
        stage_at=now,
        request=request,
        routes=request.models,
        estimate_usd=estimate_usd,
        event_seq=1,
        created_at=now,
        updated_at=now,
        deadline_at=now + dt.timedelta(seconds=request.deadline_s),
        due_at=now + _START_GRACE,
        trace_id=trace_id,
    )


def _creation(job: Job, idempotency_key: str, answer: str) -> Creation:
    queued = Event(
        event_id=event_id(job.job_id, 1),
        job_id=job.job_id,
        tenant=job.tenant,
        seq=1,
        type=EventType.JOB_QUEUED,
        at=job.created_at,
        data={"kind": job.request.kind, "model": job.request.model},
    )
    return Creation(
        job=job,
        event=queued,
        idempotency_key=idempotency_key,
        body_sha256=_fingerprint(job.request),
        answer=answer,
        needs_assets=tuple(dict.fromkeys(ref.asset_id for _, ref in job.request.input_pointers())),
    )


def _fingerprint(request: JobRequest) -> str:
    """Return a digest that two requests share exactly when they ask for the same.

    Spelling (order of members, white space, defaults written out) does not count, nor does a field
    that a later release adds.
    """
    meaning = request.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def _written(creation: Creation, ledger: Ledger, workflow: Workflow) -> Created:
    job = creation.job
    replay = ledger.create(creation)
    if replay is not None:
        return _replayed(replay, creation.body_sha256)
    _start(workflow, job)
    return Created(job_id=job.job_id, answer=creation.answer, replayed=False)


def _replayed(replay: Replay, body_sha256: str) -> Created:
    if replay.body_sha256 != body_sha256:
        raise IdempotencyKeyReusedError(
            "This Idempotency-Key was used for another request.",
            hint="Use a new key for a new job; repeat a request unchanged to get its answer again.",
        )
    return Created(job_id=replay.job_id, answer=replay.answer, replayed=True)


def _start(workflow: Workflow, job: Job) -> None:
    """Start the first run. A start that is refused or lost is left to the sweeper (`due_at`)."""
    try:
        workflow.start(job.job_id, job.run)
    except StorageError:
        return
