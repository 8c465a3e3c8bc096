"""Send email: tell people how a job ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from dailies.domain.assets import Asset
from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import DeliveryRefusedError, PipelineError
from dailies.domain.events import Event
from dailies.domain.jobs import Job
from dailies.domain.notifications import email_sink
from dailies.domain.ports import Clock, InlineImage, Ledger, Mailer, MediaStore
from dailies.services.delivery_tries import load_event, single_try
from dailies.services.write_email import POSTER_ID, Email, write_email

MAX_POSTER_BYTES = 200 * 1024
"""A larger picture stays out: some mail servers refuse large messages."""
_ADDRESS = re.compile(r"[!-~]+@[!-~]+")
"""Printable ASCII. SES takes no other local part, and nothing else may reach a header."""


@dataclass(frozen=True)
class SendEmailPorts:
    """What an email needs."""

    ledger: Ledger
    media: MediaStore
    mailer: Mailer
    clock: Clock
    link: Callable[[str, str], str]
    """Returns a new public link to an asset (asset id, tenant)."""


@dataclass(frozen=True)
class _Message:
    email: Email
    images: tuple[InlineImage, ...]


def send_email(ref: DeliveryRef, ports: SendEmailPorts) -> None:
    """Send the event's email to each of the job's addresses that has not got it yet.

    One address's trouble does not keep the others waiting; the first is raised at the end, so that
    the queue brings the message again. An address that can never work is logged and let be.

    Raises:
        DeliveryRefusedError: the ledger has no such event.
        PipelineError: some address did not get it.
    """
    event, job = load_event(ref, ports.ledger)
    message: _Message | None = None
    troubles: list[PipelineError] = []
    for address in dict.fromkeys(job.request.notify.email):
        try:
            with single_try(
                ref, email_sink(address), ledger=ports.ledger, clock=ports.clock
            ) as mine:
                if mine:
                    _check(address)
                    message = message or _write(event, job, ports)
                    _send(address, event, message, ports.mailer)
        except DeliveryRefusedError:
            continue
        except PipelineError as exc:
            troubles.append(exc)
    if troubles:
        raise troubles[0]


def _check(address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise DeliveryRefusedError("The address holds characters that email cannot carry.")


def _send(address: str, event: Event, message: _Message, mailer: Mailer) -> None:
    email = message.email
    mailer.send(
        [address],
        email.subject,
        html=email.html,
        text=email.text,
        message_id=event.event_id,
        images=message.images,
    )


def _write(event: Event, job: Job, ports: SendEmailPorts) -> _Message:
    asset = _result(job, ports.ledger)
    link = ports.link(asset.asset_id, asset.tenant) if asset else None
    images = _poster(asset, ports.media) if asset else ()
    email = write_email(event, job, asset, link=link, with_poster=bool(images))
    return _Message(email, images)


def _result(job: Job, ledger: Ledger) -> Asset | None:
    """Return the newest asset of the job: after a late one, that one."""
    asset = ledger.asset(job.assets[-1]) if job.assets else None
    return asset if asset and asset.tenant == job.tenant else None


def _poster(asset: Asset, media: MediaStore) -> tuple[InlineImage, ...]:
    head = media.head(asset.poster_key) if asset.poster_key else None
    if asset.poster_key is None or head is None or head.size_bytes > MAX_POSTER_BYTES:
        return ()
    return (InlineImage(POSTER_ID, "poster.jpg", "image/jpeg", media.read(asset.poster_key)),)
