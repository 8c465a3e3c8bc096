"""Brings the vendor's file into our bucket: streamed, checked, resumable across invocations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dailies.domain.assets import Asset, AssetKind
from dailies.domain.attempts import Attempt, AttemptFailure, AttemptState
from dailies.domain.errors import (
    AssetError,
    FetchBrokenError,
    FetchRefusedError,
    ProviderError,
    StorageError,
    UploadGoneError,
)
from dailies.domain.ids import derived_id
from dailies.domain.jobs import Stage
from dailies.domain.outcomes import FailureCode
from dailies.domain.ports import Fetcher, MediaStore, Providers, Snapshot
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.give_up import give_up
from dailies.services.recording import LedgerPorts, Move, going_on, load, move
from dailies.services.transfer import MAX_BEGINNINGS, Landed, Source, Transfer

HANDOVER_S: Final = 25.0
"""Time an invocation keeps for handing over: longer than the longest silence the fetcher bears."""
MAX_FETCHES: Final = MAX_BEGINNINGS
"""How often a file that is gone or unusable is asked for by a fresh address.

It is paid for: a vendor's bad quarter of a minute must not lose it. Poll pauses in between.
"""
_GONE: Final = frozenset({401, 403, 404, 410})
_FETCHING: Final = frozenset({AttemptState.FETCHING})


@dataclass(frozen=True)
class StorePorts(LedgerPorts):
    """What Store needs."""

    providers: Providers
    fetcher: Fetcher
    media: MediaStore


def store(step: StepInput, ports: StorePorts, remaining_s: Callable[[], float]) -> StepResult:
    """Store the first output of the attempt being fetched.

    `remaining_s` tells how long this invocation may go on. Repeating it is harmless: the object's
    key follows from the attempt, and an object that is there is taken as it is.

    Raises:
        FetchBrokenError: the source cannot be reached; what came so far is kept for the next try.
        StorageError: our storage did not answer.
        ProviderError: the vendor could not tell how to fetch its file.
    """
    snapshot = load(ports.ledger, step.job_id)
    routed = going_on(step, snapshot)
    attempt = snapshot.current
    if routed.outcome is not Outcome.STORE or attempt is None or not attempt.outputs:
        return routed
    return _Storing(step, ports, snapshot, attempt, remaining_s).run()


@dataclass(frozen=True)
class _Storing:
    step: StepInput
    ports: StorePorts
    snapshot: Snapshot
    attempt: Attempt
    remaining_s: Callable[[], float]

    def run(self) -> StepResult:
        asset_id = derived_id("ast", self.attempt.created_at, self.attempt.attempt_id, 0)
        job = self.snapshot.job
        key = f"outputs/{job.tenant}/{job.job_id}/{asset_id}.mp4"
        there = self.ports.media.head(key)
        if there is not None:  # an earlier invocation died between storing and telling the ledger
            landed = Landed(there.size_bytes, there.sha256_composite, None)
            return self._stored(asset_id, key, landed, self.attempt.fetches)
        transfer = self._transfer(key)
        try:
            landed = transfer.run()
        except FetchRefusedError as exc:
            return self._refused(transfer, exc)
        except AssetError as exc:
            return self._unusable(transfer, exc)
        except UploadGoneError:
            self._keep(transfer, upload=None)
            raise
        except FetchBrokenError:
            self._keep(transfer, upload=transfer.partial)
            raise
        except (StorageError, ProviderError):
            # Whoever failed, the file did not: a paid result is not given up for our own trouble.
            transfer.beginnings = self.attempt.fetches
            self._keep(transfer, upload=transfer.partial)
            raise
        if landed is None:
            return going_on(self.step, self._keep(transfer, upload=transfer.partial))
        return self._stored(asset_id, key, landed, transfer.beginnings)

    def _transfer(self, key: str) -> Transfer:
        attempt, ports = self.attempt, self.ports
        output = attempt.outputs[0]
        provider = ports.providers.get(attempt.vendor)
        return Transfer(
            source=Source(
                download=lambda: provider.download(output),
                hosts=ports.catalogue.vendor(attempt.vendor).download_hosts,
                content_type="video/mp4",
            ),
            key=key,
            fetcher=ports.fetcher,
            media=ports.media,
            clock=ports.clock,
            time_is_short=lambda: self.remaining_s() < HANDOVER_S,
            partial=attempt.upload if attempt.upload and attempt.upload.key == key else None,
            beginnings=attempt.fetches,
        )

    def _move(self, to: AttemptState, **rest: Any) -> Snapshot:
        wanted = Move(self.attempt.number, _FETCHING, to, **rest)
        ledger, clock = self.ports.ledger, self.ports.clock
        snapshot, _ = move(ledger, clock, self.snapshot, self.step.run, wanted)
        return snapshot

    def _stored(self, asset_id: str, key: str, landed: Landed, fetches: int) -> StepResult:
        job, now = self.snapshot.job, self.ports.clock.now()
        asset = Asset(
            asset_id=asset_id,
            tenant=job.tenant,
            kind=AssetKind.OUTPUT,
            job_id=job.job_id,
            attempt=self.attempt.number,
            key=key,
            content_type="video/mp4",
            size_bytes=landed.size_bytes,
            sha256_composite=landed.sha256_composite,
            sha256=landed.sha256,
            created_at=now,
        )
        snapshot = self._move(
            AttemptState.STORED,
            attempt={"asset_id": asset_id, "upload": None, "fetches": fetches, "finished_at": now},
            stage=Stage.CHECKING,
            assets=(asset,),
        )
        return going_on(self.step, snapshot)

    def _keep(self, transfer: Transfer, *, upload: object) -> Snapshot:
        """Write down how far the download is, for the next invocation."""
        kept = {"upload": upload, "fetches": transfer.beginnings}
        return self._move(AttemptState.FETCHING, attempt=kept, stage=Stage.STORING)

    def _refused(self, transfer: Transfer, refusal: FetchRefusedError) -> StepResult:
        if refusal.status in _GONE:
            failure = AttemptFailure(
                code=FailureCode.RESULT_EXPIRED,
                message=f"The vendor's file was gone (HTTP {refusal.status}) before it was stored.",
            )
            return self._ask_again(transfer, failure, upload=transfer.partial)
        self._drop(transfer)
        return self._give_up(AttemptFailure(code="result_refused", message=str(refusal)))

    def _unusable(self, transfer: Transfer, error: AssetError) -> StepResult:
        self._drop(transfer)
        failure = AttemptFailure(code=f"result_{error.reason}", message=str(error))
        return self._ask_again(transfer, failure, upload=None)

    def _ask_again(
        self, transfer: Transfer, failure: AttemptFailure, *, upload: object
    ) -> StepResult:
        """Let Poll bring a fresh address, a few times; then give the attempt up."""
        fetches = max(transfer.beginnings, self.attempt.fetches + 1)
        if fetches >= MAX_FETCHES or self.attempt.handle is None:
            self._drop(transfer)
            return self._give_up(failure)
        kept = {"upload": upload, "fetches": fetches}
        snapshot = self._move(AttemptState.GENERATING, attempt=kept, stage=Stage.STORING)
        return going_on(self.step, snapshot)

    def _give_up(self, failure: AttemptFailure) -> StepResult:
        return give_up(self.step, self.snapshot, self.attempt, failure, self.ports)

    def _drop(self, transfer: Transfer) -> None:
        if transfer.partial is not None:
            self.ports.media.abort(transfer.key, transfer.partial.upload_id)
