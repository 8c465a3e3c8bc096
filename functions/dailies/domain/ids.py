"""Identifiers: a prefix that says what it names, and a ULID: they sort by time and grep well."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Protocol

from ulid import ULID

_ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
JOB_ID = re.compile(rf"job_{_ULID}")
ASSET_ID = re.compile(rf"ast_{_ULID}")
ATTEMPT_ID = re.compile(rf"att_({_ULID})_(\d{{2}})")


class NewId(Protocol):
    """Makes identifiers; injected, so that tests choose them."""

    def __call__(self, prefix: str, now: dt.datetime) -> str:
        """Return `<prefix>_<ULID>`; two calls never return the same."""
        ...


def new_id(prefix: str, now: dt.datetime) -> str:
    """Return a fresh identifier whose time part is `now`."""
    return f"{prefix}_{ULID.from_datetime(now)}"


def derived_id(prefix: str, now: dt.datetime, *seed: str | int) -> str:
    """Return the identifier that `now` and `seed` always give.

    A repeated step names the same thing again.
    """
    digest = hashlib.sha256("\0".join(map(str, seed)).encode()).digest()
    milliseconds = int(now.timestamp() * 1000)
    return f"{prefix}_{ULID(milliseconds.to_bytes(6) + digest[:10])}"


def attempt_id(job_id: str, number: int) -> str:
    """Return the id of a job's attempt: our external id at the vendor; it leads back to the job."""
    return f"att_{job_id.removeprefix('job_')}_{number:02d}"


def parse_attempt_id(value: str) -> tuple[str, int] | None:
    """Return job id and number of an attempt id, or None where it is not one."""
    match = ATTEMPT_ID.fullmatch(value)
    return (f"job_{match[1]}", int(match[2])) if match else None


def event_id(job_id: str, seq: int) -> str:
    """Return the stable id of a job's event number `seq`; a resend carries the same one."""
    return f"evt_{job_id.removeprefix('job_')}_{seq:06d}"
