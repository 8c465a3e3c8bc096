"""Cursors of listings: opaque to the caller, and never trusted.

A cursor holds a position (the last id of the page before) and nothing else. Whose rows are listed
is said by the caller's tenant alone, so that a forged or borrowed cursor shows nobody else's rows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from dailies.domain.errors import FieldProblem, InvalidRequestError
from dailies.domain.ids import JOB_ID
from dailies.domain.jobs import Job
from dailies.domain.ports import Page

_VERSION = "1:"


def job_cursor(job_id: str) -> str:
    """Return the cursor of the jobs that come after `job_id` in a listing."""
    return base64.urlsafe_b64encode(f"{_VERSION}{job_id}".encode()).decode().rstrip("=")


def job_after(cursor: str) -> str:
    """Return the id of the job after which the listing goes on.

    Raises:
        InvalidRequestError: the cursor is not one of ours.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error) as exc:
        raise _refused() from exc
    job_id = text.removeprefix(_VERSION)
    if not text.startswith(_VERSION) or not JOB_ID.fullmatch(job_id):
        raise _refused()
    return job_id


def job_page(found: Sequence[Job], limit: int) -> Page[Job]:
    """Return a page of up to `limit` jobs; one more was asked for, to see if there is a next."""
    items = tuple(found[:limit])
    return Page(items, job_cursor(items[-1].job_id) if len(found) > limit else None)


def _refused() -> InvalidRequestError:
    return InvalidRequestError(
        "The cursor is not one that this listing gave out.",
        (FieldProblem("/cursor", "not a cursor"),),
        hint="Begin again without a cursor.",
    )
