"""Ingest an upload: from an object in the drop folder to one job, a wait, or a problem file.

Events come twice, late, out of order or not at all; the sweeper calls this too. Each version of an
object has one row, and every write of it is conditional on the one before.
"""

from __future__ import annotations

import datetime as dt

from dailies.domain.arrivals import (
    HOLD,
    SETTLED,
    Arrival,
    ArrivalState,
    FoundObject,
    UnreadableError,
)
from dailies.domain.errors import ConflictError
from dailies.domain.inbox import Place, Role, UploadRefusedError, check_name, place_of
from dailies.observability import logger
from dailies.services.check_upload import check_media, read_object, unreadable
from dailies.services.compose_request import NO_PROMPT, Hold, compose_request
from dailies.services.read_defaults import check_defaults
from dailies.services.refuse_upload import refuse_upload
from dailies.services.settle_arrival import claim_inputs, settle_arrival
from dailies.services.start_arrival import InboxPorts, begin_arrival, finish_arrival

_TRIES = 4
_LOOK_AGAIN = dt.timedelta(seconds=60)


def ingest_upload(
    key: str, version_id: str | None, ports: InboxPorts, *, seen_at: dt.datetime, now: bool = False
) -> None:
    """Do what an object's arrival asks for; doing it again is harmless.

    Args:
        key: as it is, not URL-encoded.
        version_id: None for the newest.
        ports: the outside.
        seen_at: when the object came.
        now: look even where the row says later: what the object waited for may be there.

    Raises:
        StorageError: something did not answer; try again.
        ConflictError: others kept writing the same row; try again.
    """
    place = place_of(key)
    if place is None or place.role is Role.FOLDER:
        if place is None:
            logger.warning("an object in the inbox names no tenant")
        return
    found = _find(key, version_id, ports, seen_at)
    version_id = version_id or (found.version_id if found else None)
    if version_id is None:
        return
    new = _arrival(place, version_id, seen_at)
    for attempt in range(_TRIES):
        try:
            arrival = ports.arrivals.find(key, version_id) or new
            if arrival.state not in SETTLED and (now or not _early(arrival, ports)):
                _take(arrival, place, found, ports)
            return
        except ConflictError:
            if attempt == _TRIES - 1:
                raise


def _arrival(place: Place, version_id: str, seen_at: dt.datetime) -> Arrival:
    return Arrival(
        tenant=place.tenant,
        key=place.key,
        version_id=version_id,
        state=ArrivalState.WAITING,
        seen_at=seen_at,
    )


def _find(
    key: str, version_id: str | None, ports: InboxPorts, seen_at: dt.datetime
) -> FoundObject | None:
    try:
        return ports.folder.head(key, version_id)
    except UnreadableError:
        return FoundObject(key, version_id or "null", 0, seen_at, readable=False)


def _take(arrival: Arrival, place: Place, found: FoundObject | None, ports: InboxPorts) -> None:
    try:
        if arrival.state is ArrivalState.WAITING:
            arrival = _decide(arrival, place, found, ports)
        if arrival.state is ArrivalState.STARTING:
            finish_arrival(arrival, place, ports)
    except UploadRefusedError as refusal:
        _refuse(refusal, place, arrival, found, ports)


def _early(arrival: Arrival, ports: InboxPorts) -> bool:
    if arrival.state is not ArrivalState.WAITING:
        return False
    return arrival.due_at is not None and ports.clock.now() < arrival.due_at


def _decide(
    arrival: Arrival, place: Place, found: FoundObject | None, ports: InboxPorts
) -> Arrival:
    """Return the arrival as it is now; where it becomes a job, it is `starting`."""
    if found is None:
        # A stranger's deletion, or an event that is older than what the bucket keeps.
        return (
            settle_arrival(arrival, ArrivalState.NOTED, "gone", ports) if arrival.rev else arrival
        )
    check_name(place)
    if not ports.tenants.exists(place.tenant):
        raise UploadRefusedError(
            "unknown_tenant",
            f"There is no tenant {place.tenant}.",
            hint="A tenant is whoever has an API key. Check the folder's name.",
        )
    if not found.readable:
        raise unreadable()
    if place.role in {Role.IMAGE, Role.TEXT, Role.BODY}:
        return _decide_job(arrival, place, found, ports)
    _note(place, found, ports)
    return settle_arrival(arrival, ArrivalState.NOTED, None, ports)


def _decide_job(arrival: Arrival, place: Place, found: FoundObject, ports: InboxPorts) -> Arrival:
    if arrival.problem == NO_PROMPT:
        newest = ports.folder.head(place.key)
        if newest is None or newest.version_id != found.version_id:
            # A prompt that comes now is meant for the picture that is there now.
            return settle_arrival(arrival, ArrivalState.NOTED, "superseded", ports)
    waited = ports.clock.now() - arrival.seen_at
    composed = compose_request(place, found, ports.folder, waited=waited)
    if isinstance(composed, Hold):
        return _wait(arrival, composed, ports)
    # First, so that a crash after it leaves nothing that starts a job nobody asked for.
    claim_inputs(arrival, composed.inputs, ports)
    return begin_arrival(arrival, composed, ports)


def _wait(arrival: Arrival, hold: Hold, ports: InboxPorts) -> Arrival:
    now = ports.clock.now()
    if now >= arrival.seen_at + HOLD:
        raise hold.problem
    again = _LOOK_AGAIN if hold.again_s is None else dt.timedelta(seconds=hold.again_s)
    reason = hold.problem.reason if hold.again_s is None else None
    held = arrival.model_copy(update={"problem": reason, "due_at": now + again})
    written = ports.arrivals.write(held)
    if hold.again_s is not None:
        # Where this is lost the sweeper comes, somewhat later.
        ports.later.again(written, after_s=hold.again_s)
    return written


def _note(place: Place, found: FoundObject, ports: InboxPorts) -> None:
    """See that an object which starts nothing is what it should be, and wake who waits for it."""
    if place.role is Role.DEFAULTS:
        check_defaults(read_object(found, ports.folder))
    elif place.role is Role.SIDECAR:
        read_object(found, ports.folder)
        picture = place_of(place.picture_key)
        if picture is not None and picture.role is Role.IMAGE:
            ingest_upload(picture.key, None, ports, seen_at=ports.clock.now(), now=True)
    elif place.role is Role.INPUT and place.name.lower().endswith((".json", ".txt", ".md")):
        return
    else:
        check_media(found, place.role, ports.folder)
        if place.role is Role.OTHER:
            raise UploadRefusedError(
                "wrong_type",
                "The name does not say what the file is.",
                hint="Give it an ending: .png, .jpg, .mp4, .txt, .md or .json.",
            )


def _refuse(
    refusal: UploadRefusedError,
    place: Place,
    arrival: Arrival,
    found: FoundObject | None,
    ports: InboxPorts,
) -> None:
    # The file first: a crash between the two writes it again, and loses nothing.
    refuse_upload(refusal, place, arrival, found, ports.folder, ports.clock.now())
    fields = {"state": ArrivalState.REFUSED, "problem": refusal.reason, "due_at": None}
    refused = arrival.model_copy(update=fields)
    if refused.shares:
        ports.arrivals.give_back(refused)
    else:
        ports.arrivals.write(refused)
