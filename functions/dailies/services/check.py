"""Looks through all of the video before anybody else does: faults become warnings of the job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dailies.domain.assets import Asset, Quality
from dailies.domain.catalogue import Mode
from dailies.domain.changes import Draft
from dailies.domain.compute_prices import ComputePrices
from dailies.domain.errors import AssetError
from dailies.domain.jobs import JobWarning, Stage
from dailies.domain.ports import Analyzer, MediaStore, Snapshot
from dailies.domain.routing import next_outcome, wants_enhancing
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.observability import count, logger
from dailies.services.recording import ANY_STATE, LedgerPorts, draft, going_on, load, record

CHECK_FAILED = JobWarning(
    code="check_failed", message="The video could not be looked through for faults."
)
_HERE = frozenset({Outcome.PROBE, Outcome.CHECK})
"""What the ledger says while Check is due: Probe has nothing more to do by then."""


@dataclass(frozen=True)
class CheckPorts(LedgerPorts):
    """What Check needs: no secrets, no way out."""

    media: MediaStore
    analyzer: Analyzer
    prices: ComputePrices


def check(step: StepInput, ports: CheckPorts) -> StepResult:
    """Record what looking through the job's video shows, and say where the job goes on.

    The result is never lost by it: what cannot be looked through is told as a warning.

    Raises:
        StorageError: the ledger did not answer.
    """
    snapshot = load(ports.ledger, step.job_id)
    if going_on(step, snapshot).outcome not in _HERE:
        return going_on(step, snapshot)
    if snapshot.job.checked_at is None and not snapshot.job.terminal:
        snapshot = _checked(step, snapshot, ports)
    return going_on(step, snapshot, after_check(snapshot, step.run))


def after_check(snapshot: Snapshot, run: int) -> Outcome | None:
    """Return where a job goes whose video is there and looked through; None: the ledger says."""
    if snapshot.job.run != run:
        return None
    if wants_enhancing(snapshot):
        return Outcome.ENHANCE
    probed = next_outcome(snapshot, run) is Outcome.PROBE
    return Outcome.SETTLE if probed else None


def source_asset(snapshot: Snapshot) -> str | None:
    """Return the asset that is checked and enhanced: the attempt's result, or the input video."""
    job = snapshot.job
    if job.request.kind is Mode.ENHANCE:
        return job.request.video.asset_id if job.request.video else None
    return snapshot.current.asset_id if snapshot.current else None


class _Looked(NamedTuple):
    asset: Asset | None
    """With what was seen; None where nothing was."""
    warnings: list[JobWarning]


def _checked(step: StepInput, snapshot: Snapshot, ports: CheckPorts) -> Snapshot:
    looked = _look(snapshot, ports)

    def build(seen: Snapshot) -> Draft | None:
        if seen.job.checked_at is not None:
            return None
        now = ports.clock.now()
        begun = draft(seen, now, stage=Stage.CHECKING, states=ANY_STATE)
        begun.set(checked_at=now, warnings=[*seen.job.warnings, *looked.warnings])
        return begun.asset(looked.asset) if looked.asset is not None else begun

    snapshot, _ = record(ports.ledger, snapshot, step.run, build)
    return snapshot


def _look(snapshot: Snapshot, ports: CheckPorts) -> _Looked:
    asset_id = source_asset(snapshot)
    asset = ports.ledger.asset(asset_id) if asset_id else None
    if asset is None or asset.tenant != snapshot.job.tenant:
        return _Looked(None, [])  # Enhance says so
    if asset.quality is not None:  # another job has had it looked through
        return _Looked(None, _warnings(asset.quality))
    try:
        size = _size(asset, ports)
        if size is None:
            return _Looked(None, [])
        if size > ports.prices.limits.check_bytes or _too_long(asset, ports.prices):
            message = "The video is too large to be looked through for faults."
            return _Looked(None, [JobWarning(code="check_skipped", message=message)])
        seen = ports.analyzer.analyze(asset.key, size, expected_s=_expected_s(snapshot))
    except Exception as exc:  # a check is not worth a result that is there and paid for
        count("CheckFailures", 1)
        reason = exc.reason if isinstance(exc, AssetError) else type(exc).__name__
        logger.warning("a video could not be checked", extra={"code": reason})
        return _Looked(None, [CHECK_FAILED])
    facts = {"quality": seen.quality, "media": asset.media or seen.media, "size_bytes": size}
    return _Looked(asset.model_copy(update=facts), _warnings(seen.quality))


def _size(asset: Asset, ports: CheckPorts) -> int | None:
    """Return the object's size; an upload's row may not know it. None: nothing is there."""
    head = ports.media.head(asset.key)
    return None if head is None else head.size_bytes


def _too_long(asset: Asset, prices: ComputePrices) -> bool:
    known_s = asset.media.duration_s if asset.media else None
    return known_s is not None and known_s > prices.limits.check_s


def _expected_s(snapshot: Snapshot) -> float | None:
    """Return how long the video should be; one that was extended holds what it began with too."""
    attempt = snapshot.current
    if attempt is None or snapshot.job.request.kind is Mode.VIDEO_EXTEND:
        return None
    return attempt.duration_s or None


def _warnings(quality: Quality) -> list[JobWarning]:
    return [JobWarning(code=f"video_{f.code}", message=f.message) for f in quality.findings]
