"""Begins a try of the job's enhancement: the task is written down before anything runs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dailies.domain.assets import Asset
from dailies.domain.changes import Draft
from dailies.domain.compute_prices import Clip, ComputePrices, work_s
from dailies.domain.enhance_options import EnhanceOptions
from dailies.domain.enhance_spec import device_of, task_spec
from dailies.domain.enhancement import (
    ENHANCE_DEADLINE,
    SPEC,
    ComputeTask,
    Enhancement,
    EnhanceTask,
    TaskFailure,
    task_id,
    task_prefix,
)
from dailies.domain.events import EventType
from dailies.domain.ids import derived_id
from dailies.domain.jobs import Job, Progress, Stage
from dailies.domain.media_types import VIDEO_SUFFIXES
from dailies.domain.ports import MediaStore, ObjectHead, Snapshot
from dailies.domain.routing import wants_enhancing
from dailies.domain.steps import EnhanceResult, Outcome, StepInput
from dailies.domain.waiting import until_deadline_s
from dailies.services.check import CHECK_FAILED, after_check, source_asset
from dailies.services.enhancing import close_enhancement, end_enhancement
from dailies.services.recording import LedgerPorts, draft, going_on, load, record

LONGEST_S = 86_400


@dataclass(frozen=True)
class EnhancePorts(LedgerPorts):
    """What Enhance needs."""

    media: MediaStore
    bucket: str
    """The media bucket's name, as addresses in the spec have it."""
    prices: ComputePrices


def enhance(step: StepInput, ports: EnhancePorts) -> EnhanceResult:
    """Say what is to be computed: the try under way, or a new one.

    A try under way is said again word by word, so that a new run meets its nested execution, alive
    or closed. The spec is written before the row, and the row before the compute.

    Raises:
        StorageError: the bucket or the ledger did not answer.
    """
    snapshot = _noted(step, load(ports.ledger, step.job_id), ports)
    running = snapshot.job.enhancement and snapshot.job.enhancement.running_task
    if snapshot.job.run != step.run:
        return _on(step, snapshot)
    if running and not wants_enhancing(snapshot):
        return _on(step, snapshot, Outcome.TAKE_ENHANCED)
    if not running and not wants_enhancing(snapshot):
        snapshot = close_enhancement(step, snapshot, ports)
        return _on(step, snapshot, after_check(snapshot, step.run))
    if not running:
        snapshot = _begun(step, snapshot, ports)
    task = snapshot.job.running_task
    if task is None or snapshot.job.run != step.run:
        return _on(step, snapshot)
    result = _on(step, snapshot, Outcome.COMPUTE)
    timeout_s = until_deadline_s(snapshot.job, ports.clock.now(), LONGEST_S)
    return result.model_copy(update={"task": task, "timeout_s": timeout_s})


def _on(step: StepInput, snapshot: Snapshot, outcome: Outcome | None = None) -> EnhanceResult:
    return EnhanceResult(**going_on(step, snapshot, outcome).model_dump())


def _noted(step: StepInput, snapshot: Snapshot, ports: EnhancePorts) -> Snapshot:
    """Say that the video was not looked through, where Check died of it."""

    def build(seen: Snapshot) -> Draft | None:
        if seen.job.checked_at is not None or seen.job.terminal:
            return None
        now = ports.clock.now()
        begun = draft(seen, now)
        return begun.set(checked_at=now, warnings=[*seen.job.warnings, CHECK_FAILED])

    snapshot, _ = record(ports.ledger, snapshot, step.run, build)
    return snapshot


def _begun(step: StepInput, snapshot: Snapshot, ports: EnhancePorts) -> Snapshot:
    """Return the job with a new try, or with its enhancement ended where none can be made."""
    job, now = snapshot.job, ports.clock.now()
    options = job.request.enhancement
    if options is None:
        return snapshot
    asset_id = source_asset(snapshot)
    asset = ports.ledger.asset(asset_id) if asset_id else None
    head = ports.media.head(asset.key) if asset and asset.tenant == job.tenant else None
    failure = _refusal(job, now, asset, head, ports.prices)
    if failure is not None or asset is None or head is None:
        gone = failure or TaskFailure(code="enhance_input_missing", message="There is no video.")
        return end_enhancement(step, snapshot, ports, failure=gone, source=asset_id or "")
    begun = _new_try(job, asset, options, now, ports)
    spec = task_spec(
        begun.task,
        options,
        tenant=job.tenant,
        source_key=asset.key,
        etag=head.etag,
        size_bytes=head.size_bytes,
        output_key=begun.output_key,
    )
    text = spec.model_dump_json(exclude_none=True)
    ports.media.put(f"{begun.task.prefix}{SPEC}", text.encode(), "application/json")
    return _recorded(step, snapshot, begun, asset.asset_id, ports)


def _refusal(
    job: Job,
    now: dt.datetime,
    asset: Asset | None,
    head: ObjectHead | None,
    prices: ComputePrices,
) -> TaskFailure | None:
    """Return why no try is begun, or None."""
    if now >= job.deadline_at:
        return deadline_passed()
    if asset is None or head is None:
        return None
    limits = prices.limits
    if head.size_bytes > limits.max_input_bytes:
        message = f"The video has more than {limits.max_input_bytes} bytes."
        return TaskFailure(code="enhance_input_too_large", message=message)
    if asset.media and (asset.media.duration_s or 0) > limits.max_input_s:
        message = f"The video is longer than {limits.max_input_s} s."
        return TaskFailure(code="enhance_input_too_long", message=message)
    return None


def deadline_passed() -> TaskFailure:
    """Return the failure of an enhancement that the job's deadline ended."""
    message = "The enhancement was not done by the job's deadline."
    return TaskFailure(code=ENHANCE_DEADLINE, message=message)


def _new_try(
    job: Job, asset: Asset, options: EnhanceOptions, now: dt.datetime, ports: EnhancePorts
) -> EnhanceTask:
    number = len(job.enhancement.tries) + 1 if job.enhancement else 1
    name = task_id(job.job_id, number)
    made = derived_id("ast", job.created_at, name)
    usual = VIDEO_SUFFIXES.get(asset.content_type, ".mp4")
    suffix = f".{options.container}" if options.container else usual
    return EnhanceTask(
        task=ComputeTask(
            task_id=name,
            job_id=job.job_id,
            bucket=ports.bucket,
            prefix=task_prefix(job.tenant, job.job_id, name),
            device=device_of(options),
            short=_short(asset, options, ports.prices),
        ),
        output_key=f"outputs/{job.tenant}/{job.job_id}/{made}{suffix}",
        asset_id=made,
        started_at=now,
    )


def _short(asset: Asset, options: EnhanceOptions, prices: ComputePrices) -> bool:
    """Whether one machine does it soon enough; of an upload that nobody measured nobody knows."""
    clip = clip_of(asset)
    if clip is None:
        return False
    device = "cpu" if options.device == "cpu" else "cuda"
    return work_s(options, clip, device, prices) < prices.short_s


def clip_of(asset: Asset) -> Clip | None:
    """Return what is known of a video's size in pixels and time, or None."""
    media = asset.media
    if media is None or not (media.width and media.height and media.duration_s):
        return None
    return Clip(media.width, media.height, media.fps or 30.0, media.duration_s)


def _recorded(
    step: StepInput, snapshot: Snapshot, begun: EnhanceTask, source: str, ports: EnhancePorts
) -> Snapshot:
    def build(seen: Snapshot) -> Draft | None:
        known = seen.job.enhancement or Enhancement(source_asset=source)
        if not wants_enhancing(seen) or len(known.tries) + 1 != _number(begun):
            return None
        noted = known.model_copy(update={"tries": [*known.tries, begun]})
        change = draft(seen, ports.clock.now(), stage=Stage.ENHANCING)
        change.set(enhancement=noted, progress=Progress())
        return change.event(EventType.ENHANCEMENT_STARTED, task_id=begun.task.task_id)

    snapshot, _ = record(ports.ledger, snapshot, step.run, build)
    return snapshot


def _number(begun: EnhanceTask) -> int:
    return int(begun.task.task_id.rpartition("-")[2])
