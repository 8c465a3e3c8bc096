"""Deliver to the outbox: how a dropped object's job ended, and its videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dailies.domain.arrivals import Arrival, Arrivals, ArrivalState, DropFolder
from dailies.domain.assets import Asset
from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import ConflictError
from dailies.domain.inbox import Place, outbox_key, place_of
from dailies.domain.jobs import Charged, Job
from dailies.domain.notifications import iso, job_facts
from dailies.domain.ports import Clock, Ledger
from dailies.services.delivery_tries import load_event
from dailies.services.refuse_upload import write_json

_TRIES = 4


@dataclass(frozen=True)
class OutboxPorts:
    """What delivering to the outbox needs."""

    arrivals: Arrivals
    folder: DropFolder
    ledger: Ledger
    clock: Clock


def deliver_outbox(ref: DeliveryRef, ports: OutboxPorts) -> None:
    """Write the files of a job that ended, and give its money back where none was spent.

    A job that did not come from the drop folder is let be. Every file is written anew each time:
    the same event twice changes nothing.

    Raises:
        DeliveryRefusedError: the ledger has no such event.
        UnreadableError: a result is not there.
        StorageError, ConflictError: try again.
    """
    arrival = ports.arrivals.of_job(ref.job_id)
    place = place_of(arrival.key) if arrival else None
    if arrival is None or place is None:
        return
    _, job = load_event(ref, ports.ledger)
    if not job.terminal:
        return
    files = [*_copy_videos(job, place, ports)]
    if job.error is not None and not files:
        write_json(
            outbox_key(place, "problem.json", job_id=job.job_id),
            _problem(job, arrival),
            ports.folder,
        )
    write_json(
        outbox_key(place, "job.json", job_id=job.job_id),
        job_facts(job)
        | {"files": files, "object": {"key": arrival.key, "version_id": arrival.version_id}},
        ports.folder,
    )
    _end(job, ports)


def _copy_videos(job: Job, place: Place, ports: OutboxPorts) -> Iterator[str]:
    for number, asset_id in enumerate(job.assets, 1):
        asset = ports.ledger.asset(asset_id)
        if asset is None or asset.tenant != place.tenant:
            continue
        target = outbox_key(place, _ending(asset, number), job_id=job.job_id)
        ports.folder.copy(asset.key, target, version_id=None, content_type=asset.content_type)
        yield target


def _ending(asset: Asset, number: int) -> str:
    ending = asset.key.rpartition(".")[2] if "." in asset.key.rpartition("/")[2] else "mp4"
    return ending if number == 1 else f"{number}.{ending}"


def _problem(job: Job, arrival: Arrival) -> dict[str, object]:
    error = job.error
    if error is None:
        raise ValueError("a job that succeeded has no problem")
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "errors": [{"pointer": "", "detail": reason} for reason in error.reasons],
        "at": iso(job.finished_at or job.updated_at),
        "object": {"key": arrival.key, "version_id": arrival.version_id},
        "job_id": job.job_id,
        "charged": job.charged.value,
    }


def _end(job: Job, ports: OutboxPorts) -> None:
    for attempt in range(_TRIES):
        arrival = ports.arrivals.of_job(job.job_id)
        if arrival is None:
            return
        unpaid = job.charged is Charged.NO and bool(arrival.shares)
        if arrival.state is ArrivalState.ENDED and not unpaid:
            return
        ended = arrival.model_copy(update={"state": ArrivalState.ENDED, "due_at": None})
        try:
            ports.arrivals.give_back(ended) if unpaid else ports.arrivals.write(ended)
        except ConflictError:
            if attempt == _TRIES - 1:
                raise
        else:
            return
