"""Issue an API key. It is shown once; we keep its SHA-256."""

from __future__ import annotations

from collections.abc import Callable

from dailies.domain.access import TENANT, ApiKey, Keys, secret_sha256
from dailies.domain.errors import InvalidRequestError
from dailies.domain.ports import Clock

_NAME_MAX_CHARS = 64


def issue_key(
    *,
    tenant: str,
    name: str,
    stage: str,
    keys: Keys,
    clock: Clock,
    random_token: Callable[[], str],
) -> str:
    """Return a new API key of the tenant, `dk_<stage>_<256 random bits>`. It cannot be had again.

    Raises:
        InvalidRequestError: the tenant's or the key's name cannot be used.
    """
    if not TENANT.fullmatch(tenant):
        raise InvalidRequestError(
            "A tenant is named by up to 63 lower-case letters, digits and hyphens."
        )
    if not 1 <= len(name) <= _NAME_MAX_CHARS or not name.isprintable():
        raise InvalidRequestError(f"A key's name has 1 to {_NAME_MAX_CHARS} printable characters.")
    key = f"dk_{stage}_{random_token()}"
    keys.put(
        ApiKey(key_sha256=secret_sha256(key), tenant=tenant, name=name, created_at=clock.now())
    )
    return key
