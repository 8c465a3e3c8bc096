"""The API key of the smoke test: made for it, and revoked when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dailies.adapters.clock import SystemClock
from dailies.adapters.dynamodb_keys import DynamoDbKeys
from dailies.domain.access import secret_sha256
from tools.api_key import issue
from tools.deploy.stacks import Clients, find_stack, stack_names

TENANT = "smoke-test"


@contextmanager
def smoke_key(clients: Clients, stage: str) -> Iterator[str]:
    """Lend a key of the tenant `smoke-test` for the length of a block."""
    key = issue(stage, TENANT, "deployment", client=clients).key
    try:
        yield key
    finally:
        data = find_stack(clients, stack_names(stage)[0])
        if data is not None:
            keys = DynamoDbKeys(data.outputs["TableName"], clients("dynamodb"))
            row = keys.find(secret_sha256(key))
            if row is not None:
                keys.put(row.model_copy(update={"revoked_at": SystemClock().now()}))
