"""The command that revokes keys and links, against an AWS in memory."""

from __future__ import annotations

import datetime as dt

import pytest
from moto import mock_aws
from test_api_key import deployed

from dailies.adapters.clock import SystemClock
from dailies.adapters.dynamodb_keys import DynamoDbKeys
from dailies.adapters.dynamodb_links import DynamoDbLinks
from dailies.domain.access import secret_sha256
from dailies.domain.errors import NotFoundError
from dailies.services.authorize import authorize
from dailies.services.share_asset import create_link
from tools.api_key import issue
from tools.revoke import revoke

TOKEN = "q7hXo2mN5vB8cK1zR4tY6uW9eA3sD0fGjLpQxZyTwVE"


@mock_aws
def test_key_opens_nothing_when_it_was_revoked() -> None:
    client = deployed({"TableName": "the-table"})
    keys = DynamoDbKeys("the-table", client("dynamodb"))
    key = issue("dev", "acme", "web", client=client).key

    revoke("dev", key, client=client)

    assert authorize(f"Bearer {key}", keys=keys) is None


@mock_aws
def test_key_keeps_its_first_end_when_it_is_revoked_twice() -> None:
    client = deployed({"TableName": "the-table"})
    keys = DynamoDbKeys("the-table", client("dynamodb"))
    key = issue("dev", "acme", "web", client=client).key

    revoke("dev", key, client=client)
    first = keys.find(secret_sha256(key))
    revoke("dev", key, client=client)

    assert keys.find(secret_sha256(key)) == first


@mock_aws
@pytest.mark.parametrize("given", [TOKEN, f"https://api.example/v1/links/{TOKEN}"])
def test_link_ends_when_it_was_revoked(given: str) -> None:
    client = deployed({"TableName": "the-table"})
    links, clock = DynamoDbLinks("the-table", client("dynamodb")), SystemClock()
    create_link("ast_1", tenant="acme", links=links, clock=clock, random_token=lambda: TOKEN)

    revoke("dev", given, client=client)

    link = links.find(secret_sha256(TOKEN))
    assert link is not None
    assert not link.usable(clock.now() - dt.timedelta(days=1))


@mock_aws
@pytest.mark.parametrize("given", ["dk_dev_nobody", "nothing", ""])
def test_reason_is_told_when_there_is_nothing_to_revoke(given: str) -> None:
    with pytest.raises(NotFoundError, match="There is no such"):
        revoke("dev", given, client=deployed({"TableName": "the-table"}))
