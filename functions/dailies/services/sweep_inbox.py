"""Sweep the inbox: go on with what waits, and find objects whose event was lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from dailies.domain.arrivals import SIDECAR_WAIT, Arrival, FoundObject, ListingPass
from dailies.domain.errors import PipelineError
from dailies.domain.inbox import place_of
from dailies.observability import count, logger
from dailies.services.ingest_upload import ingest_upload
from dailies.services.start_arrival import InboxPorts

EVERY = dt.timedelta(minutes=15)
"""How often the inbox is walked through."""
_OVERLAP = dt.timedelta(hours=1)
"""A walk looks at what is this much older than the last walk's beginning."""
_DAILY_OVERLAP = dt.timedelta(hours=50)
"""The first of a day: an upload in parts bears the time it began, up to a day before its end, and
that end may be almost a day ago."""
_YOUNG = dt.timedelta(minutes=2)
"""The event of a younger object is on its way."""
_TIME_LEFT_S = 15.0
"""Stop with this much left; the next sweep goes on."""


def sweep_inbox(
    ports: InboxPorts, *, remaining_s: Callable[[], float], limit: int = 200
) -> dict[str, int]:
    """Look after each arrival that is due, then walk on through the inbox; return what was seen."""
    due = 0
    for arrival in ports.arrivals.due(ports.clock.now(), limit=limit):
        if remaining_s() < _TIME_LEFT_S:
            break
        due += 1
        if not _look_after(arrival.key, arrival.version_id, ports, seen_at=arrival.seen_at):
            _put_off(arrival, ports)
    return {"due": due, "listed": _walk(ports, remaining_s)}


def _walk(ports: InboxPorts, remaining_s: Callable[[], float]) -> int:
    listing = _pass(ports)
    listed = 0
    while not listing.done and remaining_s() > _TIME_LEFT_S:
        page, following = ports.folder.versions(listing.key_marker, listing.version_marker)
        for found in page:
            if listing.since <= found.modified_at <= listing.started_at - _YOUNG:
                listed += 1
                _look_after_found(found, ports)
        markers = following or (None, None)
        listing = listing.model_copy(
            update={
                "key_marker": markers[0],
                "version_marker": markers[1],
                "done": following is None,
            }
        )
        ports.arrivals.save_pass(listing)
    return listed


def _pass(ports: InboxPorts) -> ListingPass:
    """Return the walk under way, or a new one where it is time."""
    now, last = ports.clock.now(), ports.arrivals.listing_pass()
    if last is not None and (not last.done or now < last.started_at + EVERY):
        return last
    if last is None:
        return ListingPass(started_at=now, since=now - _OVERLAP)
    first_of_day = last.started_at.date() != now.date()
    overlap = _DAILY_OVERLAP if first_of_day else _OVERLAP
    return ListingPass(started_at=now, since=last.started_at - overlap)


def _look_after_found(found: FoundObject, ports: InboxPorts) -> None:
    if place_of(found.key) is None or ports.arrivals.find(found.key, found.version_id):
        return  # what has a row is looked after by its `due_at`
    # It lay there longer than a sidecar takes.
    seen_at = ports.clock.now() - SIDECAR_WAIT
    _look_after(found.key, found.version_id, ports, seen_at=seen_at)


def _look_after(key: str, version_id: str, ports: InboxPorts, *, seen_at: dt.datetime) -> bool:
    """Take one object in, and tell whether that went well."""
    try:
        ingest_upload(key, version_id, ports, seen_at=seen_at)
    except Exception:  # what is wrong with it must not hold up the others
        count("StuckArrivals")
        logger.exception("an arrival could not be looked after")
        return False
    return True


def _put_off(arrival: Arrival, ports: InboxPorts) -> None:
    """Let the others come first at the next sweeps."""
    try:
        ports.arrivals.write(arrival.model_copy(update={"due_at": ports.clock.now() + EVERY}))
    except PipelineError:
        logger.warning("an arrival could not be put off")
