"""Share an asset by a link: create, follow, revoke it. Of the token only its SHA-256 is kept."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from dailies.domain.access import Link, Links, secret_sha256
from dailies.domain.errors import NotFoundError, PipelineError
from dailies.domain.ports import Clock, Ledger, MediaStore
from dailies.services.read_assets import SignedUrl, sign_download

LINK_TTL = dt.timedelta(days=30)
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
"""256 random bits, as `secrets.token_urlsafe(32)` writes them."""
_URL_EXPIRES_S = 300
"""Long enough to begin a download; the link itself makes another one at any time."""


class LinkEndedError(PipelineError):
    """The link has expired or was revoked."""

    code = "link_ended"


def create_link(
    asset_id: str,
    *,
    tenant: str,
    links: Links,
    clock: Clock,
    random_token: Callable[[], str],
    ttl: dt.timedelta = LINK_TTL,
) -> str:
    """Return the token of a new link, `<public URL>/v1/links/<token>`. It cannot be had again."""
    token = random_token()
    links.put(
        Link(
            token_sha256=secret_sha256(token),
            asset_id=asset_id,
            tenant=tenant,
            expires_at=clock.now() + ttl,
        )
    )
    return token


def follow_link(
    token: str, *, links: Links, ledger: Ledger, media: MediaStore, clock: Clock
) -> SignedUrl:
    """Return a fresh URL of the link's asset.

    Raises:
        NotFoundError: there is no such link, or its asset is gone.
        LinkEndedError: it has expired or was revoked.
    """
    link = links.find(secret_sha256(token)) if TOKEN.fullmatch(token) else None
    if link is None:
        raise _missing()
    if not link.usable(clock.now()):
        raise LinkEndedError("This link has expired or was withdrawn.")
    return sign_download(
        link.asset_id,
        tenant=link.tenant,
        expires_s=_URL_EXPIRES_S,
        ledger=ledger,
        media=media,
        clock=clock,
    )


def revoke_link(token: str, *, links: Links, clock: Clock) -> None:
    """End a link at once; the first time of revoking stands.

    Raises:
        NotFoundError: there is no such link.
    """
    link = links.find(secret_sha256(token))
    if link is None:
        raise _missing()
    if link.revoked_at is None:
        links.put(link.model_copy(update={"revoked_at": clock.now()}))


def _missing() -> NotFoundError:
    return NotFoundError("There is no such link.")
