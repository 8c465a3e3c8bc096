"""Kling's two generations over real sockets: each task is served by the API that made it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from test_providers_over_sockets import ATTEMPT_ID, Stage

from dailies.domain.errors import (
    DuplicateSubmitError,
    ProviderRejectedError,
    Rejection,
    SubmitUnknownError,
)
from dailies.domain.outcomes import Blocked, CannotTell, Failed, Found, NotCreated, Succeeded
from dailies.domain.ports import AttemptRef, CallsBack, LooksUp, Provider
from local.simulators import ManualClock, Scenario, Simulators

OLDER = ["kling-v3", "kling-v2-6", "kling-v2-5-turbo", "kling-v1-6"]


class Stages:
    """Starts Kling's simulator with rules."""

    def __init__(self) -> None:
        self.running: list[Stage] = []

    def __call__(self, *rules: tuple[str, dict[str, Any]], **scenario: Any) -> Stage:
        written = [{"vendor": "kling", "on": on, "do": do} for on, do in rules]
        whole = Scenario.model_validate({"rules": written} | scenario)
        simulators = Simulators(whole, clock=ManualClock(), clip_scale=0.1)
        simulators.start()
        self.running.append(Stage("kling", simulators))
        return self.running[-1]


@pytest.fixture
def start() -> Iterator[Stages]:
    stages = Stages()
    yield stages
    for stage in stages.running:
        stage.stop()


def looking_up(stage: Stage, **secret: str | None) -> Any:
    provider = stage.provider(**secret)
    assert isinstance(provider, LooksUp)
    return provider


@pytest.mark.parametrize("model", OLDER)
@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video"])
def test_every_older_model_makes_a_video_when_a_token_opens_its_api(
    start: Stages, model: str, mode: str
) -> None:
    stage = start(("finish", {"kind": "duration", "seconds": 60}))
    provider = stage.provider(api_key=None)

    handle = stage.submit(provider, mode, model=model)
    stage.simulators.advance(61)
    outcome = provider.poll(handle)

    assert handle.data["generation"] == "legacy"
    assert isinstance(outcome, Succeeded)
    assert outcome.billed is not None and outcome.billed.amount_usd is not None
    assert outcome.outputs[0].data["video_id"]


def test_newer_model_is_refused_unasked_when_there_is_only_an_access_key(start: Stages) -> None:
    stage = start()

    with pytest.raises(ProviderRejectedError) as caught:
        stage.submit(stage.provider(api_key=None), model="kling-3.0")

    assert caught.value.reason is Rejection.AUTH
    assert stage.simulator.calls == {}


def test_token_is_refused_when_the_secret_key_is_wrong(start: Stages) -> None:
    stage = start()

    with pytest.raises(ProviderRejectedError) as caught:
        stage.submit(stage.provider(api_key=None, secret_key="wrong"), model="kling-v2-6")

    assert (caught.value.reason, caught.value.vendor_code) == (Rejection.AUTH, "1002")


def test_each_task_is_asked_for_where_it_was_made_when_both_run(start: Stages) -> None:
    stage = start()
    provider = stage.provider()
    requests = {
        model: stage.request("text_to_video", model=model) for model in ("kling-3.0", "kling-v3")
    }
    handles = {m: provider.submit(r, AttemptRef(f"att_{m}")) for m, r in requests.items()}
    stage.simulators.advance(7200)

    outcomes = [provider.poll(handle) for handle in handles.values()]  # type: ignore[arg-type]

    assert [type(outcome) for outcome in outcomes] == [Succeeded, Succeeded]
    asked = [path for path in stage.simulator.store.endpoints() if path.startswith("GET")]
    assert asked == [
        "GET /tasks",
        f"GET /v1/videos/text2video/{handles['kling-v3'].data['task_id']}",  # type: ignore[union-attr]
    ]


@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video"])
@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop", "when": "after"}, {"kind": "http_error", "status": 504, "when": "after"}],
)
def test_older_task_is_found_again_when_the_answer_to_its_submit_was_lost(
    start: Stages, mode: str, fault: dict[str, Any]
) -> None:
    stage = start(("submit", fault))
    provider = looking_up(stage)
    with pytest.raises(SubmitUnknownError):
        stage.submit(provider, mode, model="kling-v1-6")
    stage.simulators.advance(7200)

    found = provider.lookup(stage.attempt(), "kling-v1-6")

    assert isinstance(found, Found)
    assert isinstance(provider.poll(found.handle), Succeeded)
    assert stage.simulator.created == 1


def test_older_task_was_never_made_when_the_submit_broke_off_before(start: Stages) -> None:
    stage = start(("submit", {"kind": "drop", "when": "before"}))
    provider = looking_up(stage)
    with pytest.raises(SubmitUnknownError):
        stage.submit(provider, model="kling-v2-6")

    assert isinstance(provider.lookup(stage.attempt(), "kling-v2-6"), NotCreated)


def test_older_task_is_not_paid_twice_when_it_is_submitted_again(start: Stages) -> None:
    stage = start()
    provider = stage.provider()
    stage.submit(provider, model="kling-v2-6")

    with pytest.raises(DuplicateSubmitError):
        stage.submit(provider, model="kling-v2-6")

    assert stage.simulator.created == 1


@pytest.mark.parametrize(("fault", "expected"), [("moderation", Blocked), ("fail", Failed)])
def test_older_task_ends_without_a_video_when_the_vendor_says_so(
    start: Stages, fault: str, expected: type[Any]
) -> None:
    stage = start(("finish", {"kind": fault}))
    provider = stage.provider()

    assert isinstance(stage.outcome(provider, stage.submit(provider, model="kling-v2-6")), expected)


def test_model_is_gone_when_the_vendor_has_switched_it_off(start: Stages) -> None:
    stage = start()

    with pytest.raises(ProviderRejectedError) as caught:
        stage.submit(stage.provider(), model="kling-v1")

    assert caught.value.reason is Rejection.MODEL_GONE
    assert stage.simulator.created == 0


def test_lost_extension_is_found_again_when_its_parent_is_there_too(start: Stages) -> None:
    stage = start()
    provider = looking_up(stage)
    origin = stage.origin(provider, "kling-v1-6", "video_extend")
    stage.submit(provider, "video_extend", origin=origin)

    found = provider.lookup(stage.attempt(), "kling-v1-6")

    assert isinstance(found, Found)
    assert found.handle.data["product"] == "video-extend"
    extended = stage.outcome(provider, found.handle)
    assert isinstance(extended, Succeeded)
    assert extended.billed is not None and str(extended.billed.amount_usd) == "0.28"


def test_callbacks_of_the_older_shape_are_believed_when_kling_sent_them(start: Stages) -> None:
    stage = start(("callback", {"kind": "forged"}), ("finish", {"kind": "duration", "seconds": 60}))
    provider: Provider = stage.provider()
    assert isinstance(provider, CallsBack)
    stage.submit(provider, model="kling-v2-6")
    stage.simulators.advance(200)
    received = stage.simulators.receiver.wait_for(4)

    now = dt.datetime.now(dt.UTC).timestamp()
    assert all(abs(int(one.headers["webhook-timestamp"]) - now) < 290 for one in received)
    hints = [provider.callback(stage.attempt(), one.headers, one.body) for one in received]
    others = [provider.callback(AttemptRef("att_other"), one.headers, one.body) for one in received]

    assert sorted(hint.terminal for hint in hints if hint) == [False, False, True]
    assert others == [None] * 4


def test_nothing_is_claimed_when_the_other_generations_query_is_asked(start: Stages) -> None:
    stage = start()
    provider = looking_up(stage)
    stage.submit(provider, model="kling-3.0")

    assert isinstance(
        provider.lookup(AttemptRef(ATTEMPT_ID), "kling-v2-6"), NotCreated | CannotTell
    )
