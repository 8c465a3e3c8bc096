"""Standard Webhooks 1.0 signatures of vendors' callbacks, checked on the injected clock."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
from collections.abc import Mapping

from dailies.domain.errors import ConfigurationError

TOLERANCE_S = 300


def signed(
    secret: str, headers: Mapping[str, str], body: bytes, *, now: dt.datetime, vendor: str
) -> bool:
    """Whether one of the signatures is right and fresh. Header names are lower case.

    Raises:
        ConfigurationError: the secret is not base64 after an optional `whsec_`.
    """
    from standardwebhooks import Webhook  # only the callback function pays for it

    stamp = headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):
        return False
    at = dt.datetime.fromtimestamp(int(stamp), dt.UTC)
    if abs((now - at).total_seconds()) > TOLERANCE_S:
        return False
    signer = Webhook(_key(secret, vendor))
    try:
        expected = signer.sign(headers.get("webhook-id", ""), at, body.decode())
    except UnicodeDecodeError:
        return False
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def _key(secret: str, vendor: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    except ValueError:
        key = b""
    if not key:
        raise ConfigurationError(f"The secret providers/{vendor} has an unusable webhook_secret.")
    return key
