"""The routes of jobs."""

from __future__ import annotations

from dailies.bootstrap import ApiPorts
from dailies.domain.jobs import Job, JobRequest
from dailies.handlers.api.answer import Answer, entity_tag, entity_tags, json_answer
from dailies.handlers.api.contract import Call, Operation, Parameters, Success
from dailies.handlers.api.job_headers import lifecycle_headers, preferred_wait_s, retry_after
from dailies.handlers.api.job_views import (
    AttemptList,
    EventPage,
    JobPage,
    JobView,
    attempt_list,
    event_page,
    job_page,
    job_view,
)
from dailies.handlers.api.parameters import CreateHeaders, EventQuery, PageQuery, ReadHeaders
from dailies.services.cancel_job import cancel_job
from dailies.services.create_job import create_job
from dailies.services.read_jobs import (
    await_change,
    list_events,
    list_jobs,
    read_job,
    read_snapshot,
)
from dailies.services.redrive_job import RedrivePorts, redrive_job

_MAX_PAGE_BYTES = 4 * 1024 * 1024
"""Lambda returns 6 MiB at most, and wraps the body in JSON once more."""


def create(call: Call[Parameters, CreateHeaders, JobRequest], ports: ApiPorts) -> Answer:
    """Create a job."""
    created = create_job(
        call.body,
        tenant=call.tenant,
        idempotency_key=call.headers.idempotency_key,
        describe=lambda job: job_view(job, ports.catalogue).model_dump_json(),
        check_webhook=ports.check_webhook,
        trace_id=call.trace_id,
        ledger=ports.ledger,
        workflow=ports.workflow,
        catalogue=ports.catalogue,
        clock=ports.clock,
        new_id=ports.new_id,
    )
    routes = call.body.models
    headers = {
        "Location": f"/v1/jobs/{created.job_id}",
        "Retry-After": retry_after(call.body.model, ports.catalogue),
        **lifecycle_headers(routes, ports.catalogue),
    }
    if created.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Answer(status=202, body=created.answer, headers=headers)


def read(call: Call[Parameters, ReadHeaders, None], ports: ApiPorts) -> Answer:
    """Return a job, at once or when it changes."""
    known = entity_tags(call.headers.if_none_match)
    wait_s = preferred_wait_s(call.headers.prefer)
    job_id = call.path["job_id"]
    if wait_s is None:
        job = read_job(job_id, tenant=call.tenant, ledger=ports.ledger)
    else:
        job = await_change(
            job_id,
            tenant=call.tenant,
            ledger=ports.ledger,
            clock=ports.clock,
            wait_s=wait_s,
            changed=_Watch(known, ports).changed,
        )
    return _job_answer(job, known, wait_s, ports)


def list_page(call: Call[PageQuery, Parameters, None], ports: ApiPorts) -> Answer:
    """Return a page of jobs; a shorter one where the whole would be more than Lambda can return."""
    limit, cursor = call.query.limit, call.query.cursor
    while True:
        page = list_jobs(tenant=call.tenant, limit=limit, cursor=cursor, ledger=ports.ledger)
        body = job_page(page, ports.catalogue).model_dump_json()
        if limit == 1 or len(body.encode()) <= _MAX_PAGE_BYTES:
            return Answer(status=200, body=body)
        limit //= 2


def attempts(call: Call[Parameters, Parameters, None], ports: ApiPorts) -> Answer:
    """Return a job's attempts."""
    found = read_snapshot(call.path["job_id"], tenant=call.tenant, ledger=ports.ledger)
    return json_answer(200, attempt_list(found.attempts))


def events(call: Call[EventQuery, Parameters, None], ports: ApiPorts) -> Answer:
    """Return a job's events."""
    found = list_events(
        call.path["job_id"],
        tenant=call.tenant,
        after=call.query.after,
        limit=call.query.limit,
        ledger=ports.ledger,
    )
    return json_answer(200, event_page(found, call.query.limit))


def cancel(call: Call[Parameters, Parameters, None], ports: ApiPorts) -> Answer:
    """Cancel a job; one that has ended stays as it is."""
    snapshot = read_snapshot(call.path["job_id"], tenant=call.tenant, ledger=ports.ledger)
    job = cancel_job(
        snapshot,
        ledger=ports.ledger,
        workflow=ports.workflow,
        compute=ports.compute,
        clock=ports.clock,
    ).job
    headers = {"Location": f"/v1/jobs/{job.job_id}"}
    if job.terminal:
        return json_answer(200, job_view(job, ports.catalogue), headers)
    headers["Retry-After"] = "2"
    return json_answer(202, job_view(job, ports.catalogue), headers)


def redrive(call: Call[Parameters, Parameters, None], ports: ApiPorts) -> Answer:
    """Go on with a job that failed or expired; one that is being worked on stays as it is."""
    snapshot = read_snapshot(call.path["job_id"], tenant=call.tenant, ledger=ports.ledger)
    needed = RedrivePorts(ports.ledger, ports.workflow, ports.catalogue, ports.clock)
    job = redrive_job(snapshot, needed).job
    headers = {
        "Location": f"/v1/jobs/{job.job_id}",
        "Retry-After": retry_after(job.model_in_use, ports.catalogue),
    }
    return json_answer(202, job_view(job, ports.catalogue), headers)


class _Watch:
    """Tells whether a job differs from what the caller has: its tags, or what was seen first."""

    def __init__(self, known: frozenset[str], ports: ApiPorts) -> None:
        self._known = known - {"*"}
        self._ports = ports

    def changed(self, job: Job) -> bool:
        tag = entity_tag(job_view(job, self._ports.catalogue).model_dump_json())
        self._known = self._known or frozenset({tag})
        return tag not in self._known


def _job_answer(job: Job, known: frozenset[str], wait_s: int | None, ports: ApiPorts) -> Answer:
    body = job_view(job, ports.catalogue).model_dump_json()
    tag = entity_tag(body)
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        **lifecycle_headers(job.routes, ports.catalogue),
    }
    if wait_s is not None:
        headers["Preference-Applied"] = f"wait={wait_s}"
    if not job.terminal:
        headers["Retry-After"] = retry_after(job.model_in_use, ports.catalogue)
    if tag in known or "*" in known:
        return Answer(status=304, headers=headers)
    return Answer(status=200, body=body, headers=headers)


_LIFECYCLE = ("Deprecation", "Sunset")
JOBS = (
    Operation(
        id="createJob",
        method="POST",
        path="/v1/jobs",
        tag="Jobs",
        summary="Create a job",
        run=create,
        query=Parameters,
        headers=CreateHeaders,
        body=JobRequest,
        example={
            "kind": "text_to_video",
            "model": "kling/kling-3.0",
            "prompt": "A red fox runs through fresh snow at dawn, camera alongside.",
            "duration_s": 5,
            "metadata": {"scene": "12"},
        },
        successes=(
            Success(
                202,
                "The job, or the stored answer where this request was sent before. "
                "Nothing is charged yet.",
                JobView,
                ("Location", "Retry-After", "Idempotency-Replayed", *_LIFECYCLE),
                leads_to="job_id",
            ),
        ),
        problems=(409, 410),
        spends=True,
    ),
    Operation(
        id="listJobs",
        method="GET",
        path="/v1/jobs",
        tag="Jobs",
        summary="List jobs, newest first",
        run=list_page,
        query=PageQuery,
        headers=Parameters,
        successes=(Success(200, "One page of jobs.", JobPage),),
    ),
    Operation(
        id="readJob",
        method="GET",
        path="/v1/jobs/{job_id}",
        tag="Jobs",
        summary="Read a job, or wait for it to change",
        run=read,
        query=Parameters,
        headers=ReadHeaders,
        successes=(
            Success(
                200,
                "The job.",
                JobView,
                ("ETag", "Retry-After", "Preference-Applied", *_LIFECYCLE),
            ),
            Success(
                304,
                "It is as you have it.",
                None,
                ("ETag", "Retry-After", "Preference-Applied", *_LIFECYCLE),
            ),
        ),
    ),
    Operation(
        id="listAttempts",
        method="GET",
        path="/v1/jobs/{job_id}/attempts",
        tag="Jobs",
        summary="List a job's attempts",
        run=attempts,
        query=Parameters,
        headers=Parameters,
        successes=(Success(200, "The attempts, oldest first.", AttemptList),),
    ),
    Operation(
        id="listEvents",
        method="GET",
        path="/v1/jobs/{job_id}/events",
        tag="Jobs",
        summary="List a job's events",
        run=events,
        query=EventQuery,
        headers=Parameters,
        successes=(Success(200, "The events, in order.", EventPage),),
    ),
    Operation(
        id="cancelJob",
        method="POST",
        path="/v1/jobs/{job_id}/cancel",
        tag="Jobs",
        summary="Cancel a job",
        run=cancel,
        query=Parameters,
        headers=Parameters,
        successes=(
            Success(200, "The job had ended already.", JobView, ("Location",)),
            Success(
                202,
                "The job is being canceled. What a vendor has begun may still be charged.",
                JobView,
                ("Location", "Retry-After"),
            ),
        ),
        problems=(409,),
    ),
    Operation(
        id="redriveJob",
        method="POST",
        path="/v1/jobs/{job_id}/redrive",
        tag="Jobs",
        summary="Go on with a job that failed or expired",
        run=redrive,
        query=Parameters,
        headers=Parameters,
        successes=(
            Success(
                202,
                "The job goes on from what was already paid for; or it is being worked on anyway.",
                JobView,
                ("Location", "Retry-After"),
            ),
        ),
        problems=(409, 410, 422),
        spends=True,
    ),
)
