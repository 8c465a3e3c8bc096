"""API keys, links and disabled webhook addresses on DynamoDB."""

from __future__ import annotations

from typing import Any

from dailies.adapters.dynamodb_endpoints import DynamoDbEndpoints
from dailies.adapters.dynamodb_keys import DynamoDbKeys
from dailies.adapters.dynamodb_links import DynamoDbLinks
from dailies.domain.access import ApiKey, Link
from tests.unit.adapters.conftest import TABLE
from tests.unit.adapters.samples import NOW, SECOND

KEY = ApiKey(key_sha256="aa" * 32, tenant="acme", name="laptop", created_at=NOW)
LINK = Link(token_sha256="bb" * 32, asset_id="ast_1", tenant="acme", expires_at=NOW + SECOND)
HOOK = "https://example.com/hook"


def test_key_is_found_when_it_was_put(dynamodb: Any) -> None:
    keys = DynamoDbKeys(TABLE, dynamodb)
    keys.put(KEY)
    assert keys.find(KEY.key_sha256) == KEY
    assert keys.find("cc" * 32) is None


def test_key_shows_its_end_when_it_is_revoked(dynamodb: Any) -> None:
    keys = DynamoDbKeys(TABLE, dynamodb)
    keys.put(KEY)
    revoked = KEY.model_copy(update={"revoked_at": NOW})
    keys.put(revoked)
    assert keys.find(KEY.key_sha256) == revoked


def test_link_is_found_when_it_was_put(dynamodb: Any) -> None:
    links = DynamoDbLinks(TABLE, dynamodb)
    links.put(LINK)
    assert links.find(LINK.token_sha256) == LINK
    assert links.find("cc" * 32) is None


def test_link_row_outlives_the_link_when_it_expires(dynamodb: Any) -> None:
    DynamoDbLinks(TABLE, dynamodb).put(LINK)
    (row,) = dynamodb.scan(TableName=TABLE)["Items"]
    assert int(row["ttl"]["N"]) > LINK.expires_at.timestamp() + 86400


def test_link_shows_its_end_when_it_is_revoked(dynamodb: Any) -> None:
    links = DynamoDbLinks(TABLE, dynamodb)
    links.put(LINK)
    revoked = LINK.model_copy(update={"revoked_at": NOW})
    links.put(revoked)
    assert links.find(LINK.token_sha256) == revoked


def test_endpoint_is_disabled_for_its_tenant_only_when_it_asked_for_it(dynamodb: Any) -> None:
    endpoints = DynamoDbEndpoints(TABLE, dynamodb)
    endpoints.disable("acme", HOOK, reason="410", at=NOW)
    assert endpoints.is_disabled("acme", HOOK)
    assert not endpoints.is_disabled("acme", HOOK + "/2")
    assert not endpoints.is_disabled("other", HOOK)


def test_endpoint_keeps_its_first_reason_when_disabled_twice(dynamodb: Any) -> None:
    endpoints = DynamoDbEndpoints(TABLE, dynamodb)
    endpoints.disable("acme", HOOK, reason="first", at=NOW)
    endpoints.disable("acme", HOOK, reason="second", at=NOW + SECOND)
    (row,) = dynamodb.scan(TableName=TABLE)["Items"]
    assert row["reason"] == {"S": "first"}
    assert row["disabled_at"] == {"S": "2026-11-20T12:00:00.250000Z"}
