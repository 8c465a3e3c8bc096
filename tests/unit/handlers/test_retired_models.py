"""Models whose vendors have switched them off: shown, refused with a way out, never asked."""

from __future__ import annotations

import datetime as dt

import pytest

from dailies.domain.catalogue import Lifecycle, load_catalogue
from dailies.handlers.api import handler
from dailies.providers import names
from tests.fakes.api import START, ApiClient, ApiFakes

RETIRED = {
    "gemini/veo-3.1-generate-preview": "gemini/gemini-omni-1.1-flash",
    "gemini/veo-3.1-fast-generate-preview": "gemini/gemini-omni-1.1-flash",
    "gemini/veo-3.1-lite-generate-preview": "gemini/gemini-omni-1.1-flash",
    "openai/sora-2": "kling/kling-3.0",
    "openai/sora-2-pro": "kling/kling-3.0",
    "bedrock/amazon.nova-reel-v1:0": "kling/kling-3.0",
    "bedrock/amazon.nova-reel-v1:1": "kling/kling-3.0",
}
BODY = {"kind": "text_to_video", "prompt": "a red fox"}


@pytest.fixture
def fakes() -> ApiFakes:
    return ApiFakes()


@pytest.fixture
def api(fakes: ApiFakes) -> ApiClient:
    return ApiClient(handler, fakes)


@pytest.mark.parametrize(("model", "replacement"), RETIRED.items())
def test_job_is_refused_with_the_replacement_when_the_model_has_retired(
    api: ApiClient, fakes: ApiFakes, model: str, replacement: str
) -> None:
    reply = api.post("/v1/jobs", BODY | {"model": model}, headers={"Idempotency-Key": "k"})

    assert (reply.status, reply.json["code"], reply.json["charged"]) == (410, "model_retired", "no")
    assert reply.json["hint"] == f"Use {replacement}."
    assert reply.json["errors"][0]["pointer"] == "/model"
    assert fakes.workflow.started == []


def test_job_is_refused_when_a_fallback_has_retired(api: ApiClient) -> None:
    body = BODY | {"model": "kling/kling-3.0", "fallbacks": ["openai/sora-2"]}

    reply = api.post("/v1/jobs", body, headers={"Idempotency-Key": "k"})

    assert reply.status == 410
    assert reply.json["errors"][0]["pointer"] == "/fallbacks/0"


def retire(fakes: ApiFakes) -> None:
    """Retire every model of Kling now."""
    kling = fakes.catalogue.vendors["kling"]
    gone = Lifecycle(retires_on=START.date())
    models = [one.model_copy(update={"lifecycle": gone}) for one in kling.models]
    vendors = {**fakes.catalogue.vendors, "kling": kling.model_copy(update={"models": models})}
    fakes.catalogue = fakes.catalogue.model_copy(update={"vendors": vendors})


def test_stored_answer_comes_again_when_the_model_retired_in_between(
    api: ApiClient, fakes: ApiFakes
) -> None:
    body, headers = BODY | {"model": "kling/kling-3.0"}, {"Idempotency-Key": "k"}
    first = api.post("/v1/jobs", body, headers=headers)
    retire(fakes)

    again = api.post("/v1/jobs", body, headers=headers)

    assert (again.status, again.text) == (202, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_reused_key_is_told_when_the_model_retired_in_between(
    api: ApiClient, fakes: ApiFakes
) -> None:
    headers = {"Idempotency-Key": "k"}
    api.post("/v1/jobs", BODY | {"model": "kling/kling-3.0"}, headers=headers)
    retire(fakes)

    other = api.post("/v1/jobs", BODY | {"model": "kling/kling-2.6"}, headers=headers)

    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


def test_replacement_does_the_same_and_lives_when_a_model_names_one() -> None:
    catalogue = load_catalogue()
    for model, replacement in RETIRED.items():
        found, instead = catalogue.find(model), catalogue.find(replacement)
        assert found and instead
        assert not instead[1].lifecycle.retired(START.date())
        assert set(found[1].modes) <= set(instead[1].modes)
        assert instead[0].vendor in names()


def test_models_are_shown_as_retired_when_they_are(api: ApiClient) -> None:
    items = {item["model"]: item for item in api.get("/v1/models").json["items"]}

    shown = {name for name, item in items.items() if item["status"] == "retired"}
    assert set(RETIRED) <= shown
    sora = items["openai/sora-2"]["lifecycle"]
    assert (sora["retires_on"], sora["replacement"]) == ("2026-09-24", "kling/kling-3.0")


@pytest.mark.parametrize(("days", "status"), [(31, 202), (30, 202), (1, 202), (0, 410)])
def test_end_is_told_in_advance_when_a_model_is_about_to_retire(
    api: ApiClient, fakes: ApiFakes, days: int, status: int
) -> None:
    end = START.date() + dt.timedelta(days=days)
    kling = fakes.catalogue.vendors["kling"]
    announced = Lifecycle(deprecated_on=START.date(), retires_on=end)
    models = [one.model_copy(update={"lifecycle": announced}) for one in kling.models]
    vendors = {**fakes.catalogue.vendors, "kling": kling.model_copy(update={"models": models})}
    fakes.catalogue = fakes.catalogue.model_copy(update={"vendors": vendors})

    body = BODY | {"model": "kling/kling-3.0"}
    reply = api.post("/v1/jobs", body, headers={"Idempotency-Key": "k"})

    assert reply.status == status
    if status == 202:
        assert reply.headers["Deprecation"] == "@1795132800"
        assert reply.headers["Sunset"] == end.strftime("%a, %d %b %Y 00:00:00 GMT")
