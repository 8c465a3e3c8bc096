"""The authorizer: an API key leads to its tenant; anything else is refused without an exception."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dailies.bootstrap import AuthorizePorts
from dailies.domain.errors import InvalidRequestError, StorageError
from dailies.handlers.authorize import handler
from dailies.handlers.boundary import Transient
from dailies.services.issue_key import issue_key
from tests.fakes.api import START, InMemoryKeys, WaitingClock


@pytest.fixture
def keys() -> InMemoryKeys:
    return InMemoryKeys()


def issued(keys: InMemoryKeys, **changed: Any) -> str:
    parts: dict[str, Any] = {
        "tenant": "acme",
        "name": "web",
        "stage": "dev",
        "keys": keys,
        "clock": WaitingClock(),
        "random_token": lambda: "r" * 43,
    }
    return issue_key(**(parts | changed))


def verdict(keys: Any, headers: dict[str, Any] | None) -> dict[str, Any]:
    return handler({"version": "2.0", "headers": headers}, None, AuthorizePorts(keys))  # type: ignore[arg-type]


def test_tenant_is_told_when_the_key_is_good(keys: InMemoryKeys) -> None:
    key = issued(keys)

    said = verdict(keys, {"authorization": f"Bearer {key}"})

    assert said == {"isAuthorized": True, "context": {"tenant": "acme", "key_name": "web"}}
    assert re.fullmatch(r"dk_dev_r{43}", key)
    assert key not in repr(keys.rows)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer dk_dev_" + "s" * 43},
        {"authorization": "Basic dk_dev_" + "r" * 43},
        {"authorization": "dk_dev_" + "r" * 43},
        {"authorization": "Bearer dk_dev_" + "r" * 43 + ", Bearer x"},
        {"authorization": "Bearer \x00\ud800"},
        {"authorization": "Bearer dk_" + "r" * 100_000},
        {"authorization": 5},
    ],
)
def test_caller_is_refused_when_there_is_no_such_key(
    keys: InMemoryKeys, headers: dict[str, Any] | None
) -> None:
    issued(keys)

    assert verdict(keys, headers)["isAuthorized"] is False


def test_caller_is_refused_when_the_key_was_revoked(keys: InMemoryKeys) -> None:
    key = issued(keys)
    (row,) = keys.rows.values()
    keys.put(row.model_copy(update={"revoked_at": START}))

    assert verdict(keys, {"authorization": f"Bearer {key}"})["isAuthorized"] is False


def test_nothing_is_decided_when_the_store_does_not_answer(keys: InMemoryKeys) -> None:
    class Down:
        def find(self, key_sha256: str) -> None:
            raise StorageError("no answer")

    with pytest.raises(Transient):
        verdict(Down(), {"authorization": f"Bearer {issued(keys)}"})


@pytest.mark.parametrize(
    "changed", [{"tenant": "a/b"}, {"tenant": ""}, {"name": ""}, {"name": "x" * 65}, {"name": "\n"}]
)
def test_key_is_not_issued_when_a_name_cannot_be_used(
    keys: InMemoryKeys, changed: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequestError):
        issued(keys, **changed)
    assert keys.rows == {}
