"""Looks into the stored file: facts, poster, digest. No other step decodes a vendor's bytes."""

from __future__ import annotations

from dataclasses import dataclass

from dailies.domain.assets import Asset
from dailies.domain.attempts import AttemptFailure, AttemptState
from dailies.domain.changes import Draft
from dailies.domain.errors import AssetError, ConfigurationError
from dailies.domain.jobs import Stage
from dailies.domain.ports import Inspector, MediaStore, Snapshot
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.give_up import give_up
from dailies.services.recording import (
    ANY_STATE,
    LedgerPorts,
    current,
    draft,
    going_on,
    load,
    record,
)

_STORED = frozenset({AttemptState.STORED})


@dataclass(frozen=True)
class ProbePorts(LedgerPorts):
    """What Probe needs: no secrets, no way out to a vendor."""

    media: MediaStore
    inspector: Inspector


def probe(step: StepInput, ports: ProbePorts) -> StepResult:
    """Record what the newest attempt's file is, and make its poster.

    A file that cannot be decoded ends the attempt: the vendor delivered, so it was paid for, and
    no other vendor is asked.

    Raises:
        StorageError: the bucket or the ledger did not answer.
    """
    snapshot = load(ports.ledger, step.job_id)
    routed = going_on(step, snapshot)
    attempt = snapshot.current
    if routed.outcome is not Outcome.PROBE or attempt is None or attempt.asset_id is None:
        return routed
    asset = ports.ledger.asset(attempt.asset_id)
    if asset is None:
        raise ConfigurationError(f"{attempt.asset_id} is not in this stage's ledger.")
    if asset.media is not None:  # an earlier invocation got this far
        return going_on(step, snapshot, Outcome.SETTLE)
    try:
        probed = _inspected(asset, ports)
    except AssetError as exc:
        failure = AttemptFailure(code=f"result_{exc.reason}", message=str(exc))
        return give_up(step, snapshot, attempt, failure, ports)

    def build(seen: Snapshot) -> Draft | None:
        if current(seen, attempt.number, _STORED) is None:
            return None
        begun = draft(seen, ports.clock.now(), stage=Stage.CHECKING, states=ANY_STATE)
        return begun.asset(probed)

    snapshot, written = record(ports.ledger, snapshot, step.run, build)
    return going_on(step, snapshot, Outcome.SETTLE if written else None)


def _inspected(asset: Asset, ports: ProbePorts) -> Asset:
    seen = ports.inspector.inspect(asset.key, asset.size_bytes, sha256=asset.sha256)
    poster_key = None
    if seen.poster_jpeg is not None:
        poster_key = f"posters/{asset.tenant}/{asset.job_id}/{asset.asset_id}.jpg"
        ports.media.put(poster_key, seen.poster_jpeg, "image/jpeg")
    return asset.model_copy(
        update={"media": seen.media, "sha256": seen.sha256, "poster_key": poster_key}
    )
