"""Enhancement at the API: what is taken, what is refused and where, and what is quoted."""

from __future__ import annotations

from typing import Any

import pytest

from dailies.domain.assets import Asset, AssetKind, MediaFacts
from dailies.handlers.api import handler
from tests.fakes.api import START, TENANT, ApiClient, ApiFakes, Reply

VIDEO = "ast_01JCZ5V5ZK8W1R8Q4T9X3M7N2P"
GENERATE = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a heron"}
UPLOAD = {"kind": "enhance", "video": {"asset_id": VIDEO}}
FACTS = MediaFacts(container="mp4", duration_s=10.0, width=1280, height=720, fps=25.0)


def fakes(media: MediaFacts | None = FACTS, tenant: str = TENANT) -> ApiFakes:
    """Return an API that holds an upload."""
    made = ApiFakes()
    asset = Asset(
        asset_id=VIDEO,
        tenant=tenant,
        kind=AssetKind.UPLOAD,
        key=f"uploads/{tenant}/{VIDEO}",
        content_type="video/mp4",
        size_bytes=0,
        media=media,
        created_at=START,
    )
    made.ledger.put_asset(asset)
    return made


def create(body: dict[str, Any], at: ApiFakes | None = None) -> Reply:
    client = ApiClient(handler, at or fakes())
    return client.post("/v1/jobs", body, headers={"Idempotency-Key": "one"})


def quote(body: dict[str, Any], at: ApiFakes | None = None) -> Reply:
    return ApiClient(handler, at or fakes()).post("/v1/quotes", body)


def test_job_with_an_enhancement_is_taken() -> None:
    stages = [{"name": "denoise"}, {"name": "sr", "height": 2160}, {"name": "convert"}]

    reply = create({**GENERATE, "enhance": {"stages": stages, "device": "gpu"}})

    assert reply.status == 202, reply.text
    assert reply.json["request"]["enhance"]["stages"][1]["height"] == 2160
    assert (reply.json["enhancement"], reply.json["warnings"]) == (None, [])


def test_upload_is_enhanced_without_a_model() -> None:
    reply = create(UPLOAD)

    assert reply.status == 202, reply.text
    assert (reply.json["kind"], reply.json["model"], reply.json["usual_s"]) == (
        "enhance",
        None,
        None,
    )
    assert reply.json["estimate_usd"] == "0"


@pytest.mark.parametrize(
    ("enhance", "pointer"),
    [
        ({"stages": []}, "/enhance/stages"),
        ({"stages": [{"name": "sr"}] * 9}, "/enhance/stages"),
        ({"stages": [{"name": "magic"}]}, "/enhance/stages/0"),
        ({"stages": [{"scale": 2}]}, "/enhance/stages/0"),
        ({"stages": [{"name": "sr", "scale": 5}]}, "/enhance/stages/0/scale"),
        ({"stages": [{"name": "sr", "scale": 2, "height": 720}]}, "/enhance/stages/0/height"),
        ({"stages": [{"name": "interpolate", "factor": 2, "fps": 60}]}, "/enhance/stages/0/fps"),
        ({"stages": [{"name": "sr", "sharpen": 1}]}, "/enhance/stages/0/sharpen"),
        ({"stages": [{"name": "sr", "model": "NO/such"}]}, "/enhance/stages/0/model"),
        ({"stages": [{"name": "sr", "model": "luma-x9"}]}, "/enhance/stages/0/model"),
        ({"stages": [{"name": "sr", "model": "luma-x1-deblock"}]}, "/enhance/stages/0/model"),
        (
            {"stages": [{"name": "sr", "model": {"file": "x.pth"}}]},
            "/enhance/stages/0/model/sha256",
        ),
        (
            {"stages": [{"name": "sr", "model": {"file": "../x.pth", "sha256": "a" * 64}}]},
            "/enhance/stages/0/model/file",
        ),
        ({"stages": [{"name": "convert"}, {"name": "sr"}]}, "/enhance/stages/0"),
        ({"device": "cuda"}, "/enhance/device"),
        ({"on_failure": "shrug"}, "/enhance/on_failure"),
        ({"speed": "fast"}, "/enhance/speed"),
    ],
    ids=str,
)
@pytest.mark.parametrize("ask", [create, quote], ids=["job", "quote"])
def test_enhancement_is_refused_where_it_is_wrong(
    ask: Any, enhance: dict[str, Any], pointer: str
) -> None:
    reply = ask({**GENERATE, "enhance": enhance})

    assert reply.status == 422
    assert [error["pointer"] for error in reply.json["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"kind": "enhance"}, ["/video"]),
        ({**UPLOAD, "model": "kling/kling-3.0"}, ["/model"]),
        ({**UPLOAD, "prompt": "x", "seed": 1}, ["/prompt", "/seed"]),
        ({**UPLOAD, "enhance": {"on_failure": "deliver"}}, ["/enhance/on_failure"]),
        ({"kind": "text_to_video", "prompt": "x"}, ["/model"]),
        ({"kind": "magic"}, ["/kind"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_body_is_refused_where_kind_and_fields_do_not_fit(
    body: dict[str, Any], pointers: list[str]
) -> None:
    reply = create(body)

    assert reply.status == 422, reply.text
    assert [error["pointer"] for error in reply.json["errors"]] == pointers


def test_quote_tells_price_list_and_ways_to_enhance() -> None:
    reply = quote({**GENERATE, "enhance": {}, "duration_s": 5, "fallbacks": ["kling/kling-v2-6"]})

    assert reply.status == 200, reply.text
    assert [route["model"] for route in reply.json["routes"]] == [
        "kling/kling-3.0",
        "kling/kling-v2-6",
    ]
    gpu, cpu, skip = reply.json["enhancement"]["options"]
    assert (gpu["device"], cpu["device"], skip["device"]) == ("gpu", "cpu", "skip")
    assert (skip["seconds"], skip["cost_usd"]) == (0.0, "0")
    assert 0 < gpu["seconds"] < 600
    assert float(cpu["cost_usd"]) > 0


def test_quote_of_an_upload_goes_by_its_own_size() -> None:
    small = quote(UPLOAD).json["enhancement"]["options"][1]
    large = quote(UPLOAD, fakes(FACTS.model_copy(update={"duration_s": 100.0})))

    assert large.json["routes"] == []
    assert large.json["enhancement"]["options"][1]["seconds"] > small["seconds"] > 0


def test_quote_says_so_when_nobody_knows_the_size() -> None:
    options = quote(UPLOAD, fakes(None)).json["enhancement"]["options"]

    assert [option["seconds"] for option in options] == [None, None, 0.0]


def test_quote_without_an_enhancement_is_the_price_list() -> None:
    assert quote(GENERATE).json["enhancement"] is None


def test_quote_makes_nothing() -> None:
    at = fakes()
    quote({**GENERATE, "enhance": {}}, at)

    assert ApiClient(handler, at).get("/v1/jobs").json["items"] == []
    assert at.workflow.started == []


@pytest.mark.parametrize("at", [fakes(tenant="rival"), ApiFakes()], ids=["rival's", "none"])
def test_quote_of_another_tenants_video_is_refused(at: ApiFakes) -> None:
    reply = quote(UPLOAD, at)

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/video/asset_id")


def test_quote_is_refused_when_the_job_would_be() -> None:
    reply = quote({**GENERATE, "model": "kling/none"})

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/model")


def test_quote_is_the_same_for_a_picture_that_stands_upright() -> None:
    wide, tall, square = (
        quote({**GENERATE, "enhance": {}, "aspect_ratio": ratio}).json["enhancement"]["options"]
        for ratio in ("16:9", "9:16", "1:1")
    )

    assert wide == tall
    assert square[1]["seconds"] < wide[1]["seconds"]
