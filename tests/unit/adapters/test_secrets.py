"""Secrets from Secrets Manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber

from dailies.adapters.secrets import SecretsManagerSecrets
from dailies.domain.errors import ConfigurationError, StorageError
from tests.unit.adapters.clocks import StillClock
from tests.unit.adapters.conftest import client

NAME = "providers/kling"


@pytest.fixture
def manager(aws: Callable[[str], Any]) -> Any:
    return aws("secretsmanager")


def put(manager: Any, text: str) -> None:
    manager.create_secret(Name=f"dailies/dev/{NAME}", SecretString=text)


def test_secret_is_returned_when_it_is_an_object_of_strings(manager: Any) -> None:
    put(manager, '{"access_key": "a", "secret_key": "b"}')
    secrets = SecretsManagerSecrets(manager, "dailies/dev", StillClock())
    assert secrets.get(NAME) == {"access_key": "a", "secret_key": "b"}


def test_secret_is_read_again_when_the_copy_is_too_old(manager: Any) -> None:
    put(manager, '{"key": "old"}')
    clock = StillClock()
    secrets = SecretsManagerSecrets(manager, "dailies/dev/", clock, ttl_s=300)
    secrets.get(NAME)
    manager.put_secret_value(SecretId=f"dailies/dev/{NAME}", SecretString='{"key": "new"}')
    clock.elapsed_s = 299
    assert secrets.get(NAME) == {"key": "old"}
    clock.elapsed_s = 300
    assert secrets.get(NAME) == {"key": "new"}


def test_secret_is_a_matter_of_configuration_when_there_is_none(manager: Any) -> None:
    with pytest.raises(ConfigurationError, match="dailies/dev/providers/kling"):
        SecretsManagerSecrets(manager, "dailies/dev", StillClock()).get(NAME)


@pytest.mark.parametrize(
    "text", ["hunter2", '"hunter2"', '["hunter2"]', '{"key": {"n": "hunter2"}}']
)
def test_secret_is_refused_without_showing_it_when_it_is_no_object_of_strings(
    manager: Any, text: str
) -> None:
    put(manager, text)
    with pytest.raises(ConfigurationError) as caught:
        SecretsManagerSecrets(manager, "dailies/dev", StillClock()).get(NAME)
    assert "hunter2" not in str(caught.value)


def test_secret_is_worth_a_retry_when_the_store_throttles() -> None:
    manager = client("secretsmanager")
    with Stubber(manager) as stub:
        stub.add_client_error("get_secret_value", "ThrottlingException")
        with pytest.raises(StorageError):
            SecretsManagerSecrets(manager, "dailies/dev", StillClock()).get(NAME)
