"""Secrets from Secrets Manager, read once and kept for minutes.

A rotated secret is seen when its copy here is too old; until then both keys must work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from dailies.adapters.aws_errors import aws_call, code_of
from dailies.domain.errors import ConfigurationError
from dailies.domain.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class SecretsManagerSecrets:
    """The Secrets port on the secrets below `prefix`, each a JSON object of strings."""

    def __init__(
        self, client: SecretsManagerClient, prefix: str, clock: Clock, *, ttl_s: float = 300
    ) -> None:
        self._client = client
        self._prefix = prefix.rstrip("/")
        self._clock = clock
        self._ttl_s = ttl_s
        self._kept: dict[str, tuple[float, Mapping[str, str]]] = {}

    def get(self, name: str) -> Mapping[str, str]:
        """Return the JSON object stored under `name`.

        Raises:
            ConfigurationError: there is no such secret, or it is not a JSON object of strings.
            StorageError: Secrets Manager did not answer.
        """
        kept = self._kept.get(name)
        if kept is not None and self._clock.monotonic() - kept[0] < self._ttl_s:
            return kept[1]
        secret = _parse(name, self._read(name))
        self._kept[name] = (self._clock.monotonic(), secret)
        return secret

    def _read(self, name: str) -> str:
        with aws_call(f"read the secret {name}"):
            try:
                answer = self._client.get_secret_value(SecretId=f"{self._prefix}/{name}")
            except ClientError as exc:
                if code_of(exc) != "ResourceNotFoundException":
                    raise
                raise ConfigurationError(f"there is no secret {self._prefix}/{name}") from exc
        return answer.get("SecretString", "")


def _parse(name: str, text: str) -> Mapping[str, str]:
    """Return the object in `text`; no message holds any of it."""
    try:
        value: Any = json.loads(text)
    except ValueError as exc:
        raise ConfigurationError(f"the secret {name} is not JSON") from exc
    if not isinstance(value, dict):
        raise ConfigurationError(f"the secret {name} is not a JSON object")
    members = cast("dict[str, Any]", value)
    if not all(isinstance(member, str) for member in members.values()):
        raise ConfigurationError(f"the secret {name} has a member that is not a string")
    return cast("dict[str, str]", members)
