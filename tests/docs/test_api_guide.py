"""The guide to the API: its requests are accepted, and its table of errors is the code's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dailies.domain.assets import Asset, AssetKind
from dailies.domain.errors import PipelineError
from dailies.handlers.api import handler, problems
from tests.fakes.api import START, TENANT, ApiClient, ApiFakes

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
REQUESTS = re.findall(r"<!-- (\w+) (\S+) -->\n```json\n(.*?)\n```", PAGE, re.DOTALL)
ROWS = {(int(s), c) for s, c in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", PAGE, re.MULTILINE)}
ASSET_ID = "ast_01K3Z5N8Q4T7W2X9Y6V1B0C3D5"


def api() -> ApiClient:
    fakes = ApiFakes()
    asset = Asset(
        asset_id=ASSET_ID,
        tenant=TENANT,
        kind=AssetKind.OUTPUT,
        key="outputs/acme/job/asset.mp4",
        content_type="video/mp4",
        size_bytes=9,
        created_at=START,
    )
    fakes.ledger.put_asset(asset)
    return ApiClient(handler, fakes)


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_request_is_accepted_when_it_is_sent_as_shown(method: str, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    shown = {"body": body.replace("{asset_id}", ASSET_ID), "headers": headers}

    reply = api().call(method, path.replace("{asset_id}", ASSET_ID), **shown)

    assert 200 <= reply.status < 300, reply.text


def test_table_of_errors_is_complete_when_the_code_knows_more() -> None:
    raised: set[tuple[int, str]] = {(500, "internal")}
    for kind in _subclasses(problems.HttpError):
        raised.add((int(kind.status), kind.code))
    for kind, status in problems._STATUS:
        raised.add((int(status), kind.code))
    reused = (422, "idempotency_key_reused")

    assert ROWS == raised | {reused}


def _subclasses(kind: type[PipelineError]) -> set[Any]:
    return {s for direct in kind.__subclasses__() for s in {direct, *_subclasses(direct)}}
