"""Start an arrival: count its money, make its assets, create its job, say so in the outbox.

Each step repeats harmlessly. `begin` is the only one that decides: it writes job id, request and
inputs into the arrival's row in one transaction with the caps, on the condition that nobody else
has, so that whatever dies, comes twice or comes late ends at this job.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import ValidationError

from dailies.domain.access import Tenants
from dailies.domain.arrivals import (
    Arrival,
    Arrivals,
    ArrivalState,
    Cap,
    CapShare,
    DropFolder,
    Later,
    SpendCapError,
    UnreadableError,
)
from dailies.domain.assets import Asset, AssetKind
from dailies.domain.catalogue import Catalogue
from dailies.domain.compute_prices import load_compute_prices
from dailies.domain.enhance_rules import refuse_enhancement
from dailies.domain.errors import FieldProblem, InvalidRequestError
from dailies.domain.ids import derived_id
from dailies.domain.inbox import INBOX, Place, UploadRefusedError, arrival_digest, outbox_key
from dailies.domain.jobs import JobRequest
from dailies.domain.notifications import job_facts
from dailies.domain.ports import Clock, Ledger, Workflow
from dailies.services.check_upload import unreadable
from dailies.services.compose_request import Composed
from dailies.services.create_job import create_job, price_routes
from dailies.services.refuse_upload import refusal_of, write_json

_FINISH_AGAIN = dt.timedelta(seconds=60)
"""When the sweeper goes on with what was decided and not done."""


@dataclass(frozen=True)
class InboxPorts:
    """What taking in uploads needs."""

    arrivals: Arrivals
    folder: DropFolder
    later: Later
    tenants: Tenants
    ledger: Ledger
    workflow: Workflow
    catalogue: Catalogue
    clock: Clock
    daily_cap_usd: Decimal
    """What all of a tenant's dropped files may cost in a day; a folder's own cap only lowers it."""


def begin_arrival(arrival: Arrival, composed: Composed, ports: InboxPorts) -> Arrival:
    """Decide the arrival's job and count its price; the row says so.

    Raises:
        UploadRefusedError: the job is none, or costs more than a cap leaves.
        ConflictError: somebody else wrote the row since it was read.
    """
    now = ports.clock.now()
    request = _request(composed)
    try:
        refuse_enhancement(request, load_compute_prices())
        prices = price_routes(request, ports.catalogue, now.date())
        estimate_usd = max(prices, default=Decimal(0))
    except InvalidRequestError as exc:
        raise refusal_of(exc) from exc
    caps = _caps(arrival, composed.caps, ports.daily_cap_usd)
    deciding = arrival.model_copy(
        update={
            "state": ArrivalState.STARTING,
            "problem": None,
            "due_at": now + _FINISH_AGAIN,
            "job_id": derived_id("job", now, arrival.key, arrival.version_id),
            "request": request,
            "inputs": list(composed.inputs),
            "estimate_usd": estimate_usd,
            "shares": [CapShare(folder=c.folder, day=now.date().isoformat()) for c in caps],
        }
    )
    try:
        return ports.arrivals.begin(deciding, caps)
    except SpendCapError as exc:
        raise UploadRefusedError(
            exc.code,
            f"This job may cost {estimate_usd:.2f} USD. {exc}",
            hint="Upload it again tomorrow (UTC), or have the cap raised.",
        ) from exc


def finish_arrival(arrival: Arrival, place: Place, ports: InboxPorts) -> Arrival:
    """Make what the row decided: assets, job, and the outbox's `.job.json`.

    Raises:
        UploadRefusedError: the job cannot be created any more.
    """
    request, job_id = arrival.request, arrival.job_id
    if request is None or job_id is None:
        raise ValueError("an arrival that starts has a request and a job id")
    if ports.ledger.job(job_id) is None:
        try:
            _make_assets(arrival, ports)
            _create(arrival, request, job_id, ports)
        except InvalidRequestError as exc:
            raise refusal_of(exc) from exc
    job = ports.ledger.job(job_id)
    if job is not None and not job.terminal:
        write_json(outbox_key(place, "job.json", job_id=job_id), job_facts(job), ports.folder)
    return ports.arrivals.write(
        arrival.model_copy(update={"state": ArrivalState.STARTED, "due_at": None})
    )


def _create(arrival: Arrival, request: JobRequest, job_id: str, ports: InboxPorts) -> None:
    create_job(
        request,
        tenant=arrival.tenant,
        idempotency_key=f"inbox:{arrival_digest(arrival.key, arrival.version_id)}",
        describe=lambda job: json.dumps(job_facts(job), ensure_ascii=False),
        trace_id="",
        ledger=ports.ledger,
        workflow=ports.workflow,
        catalogue=ports.catalogue,
        clock=ports.clock,
        new_id=lambda prefix, now: job_id,
    )


def _request(composed: Composed) -> JobRequest:
    try:
        return JobRequest.model_validate(composed.body)
    except ValidationError as exc:
        problems = tuple(
            FieldProblem("".join(f"/{part}" for part in e["loc"])[:128], e["msg"])
            for e in exc.errors(include_input=False, include_url=False)[:16]
        )
        raise UploadRefusedError(
            "invalid_request",
            "The job body has mistakes.",
            hint="Mend these fields, in the file, its sidecar or the folder's defaults.",
            problems=problems,
        ) from exc


def _caps(arrival: Arrival, own: Sequence[Cap], daily_cap_usd: Decimal) -> tuple[Cap, ...]:
    """Return every cap that the job counts under: the operator's, and those of its folders."""
    root = f"{INBOX}{arrival.tenant}/"
    lowest = min([daily_cap_usd, *(cap.usd for cap in own if cap.folder == root)])
    return (Cap(root, lowest), *(cap for cap in own if cap.folder != root))


def _make_assets(arrival: Arrival, ports: InboxPorts) -> None:
    for one in arrival.inputs:
        target = f"uploads/{arrival.tenant}/{one.asset_id}"
        try:
            ports.folder.copy(
                one.key, target, version_id=one.version_id, content_type=one.content_type
            )
        except UnreadableError as exc:
            raise unreadable() from exc
        ports.ledger.put_asset(
            Asset(
                asset_id=one.asset_id,
                tenant=arrival.tenant,
                kind=AssetKind.UPLOAD,
                key=target,
                content_type=one.content_type,
                size_bytes=one.size_bytes,
                created_at=one.modified_at,
            )
        )
