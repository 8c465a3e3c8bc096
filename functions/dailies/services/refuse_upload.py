"""Refuse an upload: a problem file that says why, and a copy out of reach where it is hostile."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

from dailies.domain.arrivals import Arrival, DropFolder, FoundObject, UnreadableError
from dailies.domain.errors import InvalidRequestError
from dailies.domain.inbox import Place, UploadRefusedError, outbox_key, quarantine_key
from dailies.domain.notifications import iso
from dailies.observability import logger

JSON: Final = "application/json"
_INERT: Final = "application/octet-stream"
_QUARANTINED_BYTES: Final = 5 * 1024**3
"""A larger object is refused where it is: what nobody reads need not be paid for twice."""


def refuse_upload(
    refusal: UploadRefusedError,
    place: Place,
    arrival: Arrival,
    found: FoundObject | None,
    folder: DropFolder,
    now: dt.datetime,
) -> None:
    """Tell the folder's owner, and put a copy of a hostile object aside. Again is harmless."""
    quarantined = refusal.quarantine and found is not None and _put_aside(place, found, folder)
    logger.warning("upload refused", extra={"code": refusal.reason, "tenant": place.tenant})
    problem = problem_document(refusal, now) | {
        "object": {"key": arrival.key, "version_id": arrival.version_id},
        "quarantined": quarantined,
        "charged": "no",
    }
    write_json(outbox_key(place, "problem.json"), problem, folder)


def _put_aside(place: Place, found: FoundObject, folder: DropFolder) -> bool:
    if found.size_bytes > _QUARANTINED_BYTES:
        return False
    target = quarantine_key(place, found.version_id)
    try:
        folder.copy(found.key, target, version_id=found.version_id, content_type=_INERT)
    except UnreadableError:
        return False
    return True


def refusal_of(error: InvalidRequestError) -> UploadRefusedError:
    """Return what a refused request means for the object that asked it."""
    if isinstance(error, UploadRefusedError):
        return error
    return UploadRefusedError(error.code, str(error), hint=error.hint, problems=error.problems)


def problem_document(refusal: UploadRefusedError, now: dt.datetime) -> dict[str, Any]:
    """Return the members that every problem file has."""
    return {
        "code": refusal.reason,
        "message": str(refusal),
        "hint": refusal.hint,
        "errors": [{"pointer": p.pointer, "detail": p.detail} for p in refusal.problems],
        "at": iso(now),
    }


def write_json(key: str, value: Any, folder: DropFolder) -> None:
    """Write a file that people read."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    # Strangers' JSON may hold halves of characters, which no encoding has: they stay escapes.
    folder.put(key, text.encode("utf-8", "backslashreplace"), JSON)
