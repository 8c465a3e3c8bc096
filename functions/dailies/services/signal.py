"""Signal a job: a vendor's verified callback is a hint that wakes the wait under way."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dailies.domain.catalogue import Catalogue
from dailies.domain.ids import parse_attempt_id
from dailies.domain.ports import AttemptRef, CallsBack, Ledger, Providers, Secrets, Workflow
from dailies.domain.signing import callback_secret_matches, callback_url


class Signaled(StrEnum):
    """What became of a callback."""

    UNKNOWN = "unknown"
    """Not an address we ever made: the answer is that of a missing page."""
    IGNORED = "ignored"
    """An address of ours, but nothing worth a poll: not verified, or past the attempt's limit."""
    COUNTED = "counted"
    """A hint: counted, and the wait under way woken."""


def signal_from_callback(
    vendor: str,
    attempt_id: str,
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    ledger: Ledger,
    workflow: Workflow,
    providers: Providers,
    catalogue: Catalogue,
    secrets: Secrets,
    public_url: str,
) -> Signaled:
    """Count a callback to `/v1/callbacks/{vendor}/{attempt_id}/{secret}` if the vendor sent it.

    Nothing in the body is believed: a hint leads to a poll, and the poll is the truth. `headers`
    have lower-case names. `public_url` is the API's base URL, as vendors were told it.

    Raises:
        StorageError: the signal may be lost; the vendor should send it again.
        ConfigurationError: the stage lacks its signing keys or the vendor's secret.
    """
    parsed = parse_attempt_id(attempt_id)
    if parsed is None or vendor not in catalogue.vendors:
        return Signaled.UNKNOWN
    if not callback_secret_matches(secrets.get("signing")["callback_key"], attempt_id, secret):
        return Signaled.UNKNOWN
    provider = providers.get(vendor)
    if not isinstance(provider, CallsBack):
        return Signaled.UNKNOWN
    address = callback_url(public_url, vendor, attempt_id, secret) if public_url else None
    if provider.callback(AttemptRef(attempt_id, callback_url=address), headers, body) is None:
        return Signaled.IGNORED
    return _count(*parsed, ledger, workflow)


def _count(job_id: str, number: int, ledger: Ledger, workflow: Workflow) -> Signaled:
    """Count a hint against its attempt's limit, and wake the wait under way."""
    job = ledger.signal(job_id, number)
    if job is None:
        return Signaled.IGNORED
    if job.token is not None:
        workflow.wake(job.token)
    return Signaled.COUNTED
