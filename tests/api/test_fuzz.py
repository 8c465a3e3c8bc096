"""The API fuzzed from its own OpenAPI document: no 5xx, no undocumented answer."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.generation.stateful import run_state_machine_as_test

from dailies.domain.assets import Asset, AssetKind
from dailies.handlers.api import handler
from dailies.services.issue_key import issue_key
from dailies.services.share_asset import create_link
from tests.api.gateway import Gateway
from tests.fakes.api import START, TENANT, ApiClient, ApiFakes

JOB_ID = "job_01K3Z5N8Q4T7W2X9Y6V1B0C3D5"
ASSET_ID = "ast_01K3Z5N8Q4T7W2X9Y6V1B0C3D5"
TOKEN = "q7hXo2mN5vB8cK1zR4tY6uW9eA3sD0fGjLpQxZyTwVE"
"""The document's own examples of path parameters: here they lead somewhere."""
KEY_PART = "k" * 43
AUTH = {"Authorization": f"Bearer dk_test_{KEY_PART}"}
_SETTINGS = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_BEYOND_SCHEMA = {("POST", "/v1/jobs"), ("POST", "/v1/quotes"), ("GET", "/v1/jobs")}
"""Operations that may refuse what their schema allows: what no model can make, a foreign cursor."""


def seeded() -> ApiFakes:
    """Return an API with a key, a job, a result and a link to it."""
    fakes = ApiFakes()
    real = fakes.new_id
    fakes.new_id = lambda prefix, now: JOB_ID
    client = ApiClient(handler, fakes)
    body = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a red fox"}
    client.post("/v1/jobs", body, headers={"Idempotency-Key": "seed"})
    fakes.new_id = real
    result = Asset(
        asset_id=ASSET_ID,
        tenant=TENANT,
        kind=AssetKind.OUTPUT,
        job_id=JOB_ID,
        key=f"outputs/{TENANT}/{JOB_ID}/{ASSET_ID}.mp4",
        content_type="video/mp4",
        size_bytes=10,
        created_at=START,
    )
    fakes.ledger.put_asset(result)
    held = {"clock": fakes.clock, "tenant": TENANT}
    issue_key(name="web", stage="test", keys=fakes.keys, random_token=lambda: KEY_PART, **held)
    create_link(ASSET_ID, links=fakes.links, random_token=lambda: TOKEN, **held)
    return fakes


SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", Gateway(seeded()))


@SCHEMA.hook
def map_body(context: Any, body: Any) -> Any:
    """Give every other job a model that exists, so that the fuzzer gets past the first refusal."""
    if context.operation.path == "/v1/jobs" and isinstance(body, dict) and "model" in body:
        if len(str(body)) % 2:
            body["model"] = "kling/kling-3.0"
    return body


@SCHEMA.parametrize()
@_SETTINGS
def test_every_answer_is_documented_when_an_operation_is_fuzzed(case: Any) -> None:
    beyond = (case.method, case.path) in _BEYOND_SCHEMA
    excluded = CHECKS.get_by_names(["positive_data_acceptance"]) if beyond else []
    case.call_and_validate(headers=AUTH, excluded_checks=excluded)


def test_every_answer_is_documented_when_operations_follow_each_other() -> None:
    class Machine(SCHEMA.as_state_machine()):
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": AUTH}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            names = ["positive_data_acceptance", "ignored_auth"]
            case.validate_response(response, excluded_checks=CHECKS.get_by_names(names))

    run_state_machine_as_test(Machine, settings=_SETTINGS)
