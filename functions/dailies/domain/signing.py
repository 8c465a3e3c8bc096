"""Secrets that are computed, not stored: HMACs under the stage's signing keys (RFC 2104)."""

from __future__ import annotations

import base64
import hashlib
import hmac


def callback_secret(callback_key: str, attempt_id: str) -> str:
    """Return the URL part that proves a callback address was made by us.

    A resent submit computes the same.
    """
    digest = _hmac(callback_key, f"callback:{attempt_id}")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def callback_secret_matches(callback_key: str, attempt_id: str, presented: str) -> bool:
    """Compare in constant time."""
    expected = callback_secret(callback_key, attempt_id)
    return hmac.compare_digest(expected.encode(), presented.encode())


def callback_url(public_url: str, vendor: str, attempt_id: str, secret: str) -> str:
    """Return where a vendor calls back for one attempt."""
    return f"{public_url.rstrip('/')}/v1/callbacks/{vendor}/{attempt_id}/{secret}"


def webhook_secret(webhook_key: str, tenant: str) -> str:
    """Return a tenant's Standard Webhooks secret (`whsec_…`)."""
    return "whsec_" + base64.b64encode(_hmac(webhook_key, f"webhook:{tenant}")).decode()


def _hmac(key: str, message: str) -> bytes:
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
