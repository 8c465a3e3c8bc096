"""Every provider against its simulator over real sockets: each outcome, and what it costs."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import json
import operator
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from dailies.domain.catalogue import CallbackKind, Input, Mode, load_catalogue
from dailies.domain.errors import (
    DuplicateSubmitError,
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    Rejection,
    SubmitUnknownError,
)
from dailies.domain.jobs import AssetRef, JobRequest
from dailies.domain.options import resolve_options
from dailies.domain.outcomes import (
    Blocked,
    CannotTell,
    Download,
    Failed,
    FailureCode,
    Found,
    Handle,
    NotCreated,
    Pending,
    PollOutcome,
    Succeeded,
)
from dailies.domain.ports import (
    AttemptRef,
    CallsBack,
    Cancels,
    InputMedia,
    InputVideo,
    LooksUp,
    Origin,
    Provider,
)
from dailies.providers import Registry, names
from local.simulators import ManualClock, Scenario, Simulators
from local.simulators.discovery import simulator_of

VENDORS = names()
LOOKING_UP = [v for v in VENDORS if load_catalogue().vendor(v).lookup != "none"]
CANCELING = {"gemini": "gemini-omni-1.1-flash", "google": "gemini-omni-1.2-flash"}
"""A model of each vendor that can stop a task."""
TOLD = {"gemini": [True], "kling": [False, False, True]}
"""Whether each of the callbacks that tell of one task says that it has ended."""
TODAY = dt.datetime.now(dt.UTC).date()


def _dialects(vendor: str) -> dict[tuple[str, Mode], str]:
    """Return the first living model of each mode, in each generation of the vendor's API."""
    found: dict[tuple[str, Mode], str] = {}
    for model in load_catalogue().vendor(vendor).models:
        for mode in () if model.lifecycle.retired(TODAY) else model.modes:
            found.setdefault((model.wire.get("generation", ""), mode), model.id)
    return found


EVERY_MODE = sorted(
    {
        (vendor, model, str(mode), inputs)
        for vendor in VENDORS
        for (_, mode), model in _dialects(vendor).items()
        for inputs in ((), tuple(load_catalogue().route(vendor, model)[1].modes[mode].inputs))
    }
)
"""Each mode of each generation, with the inputs that it needs and with all that it takes."""
ATTEMPT_ID = "att_01J9ZQ3V5M8K2N4P6R7S8T9V0W_01"
MP4 = b"ftyp"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAZAAAAGQAQAAAACoxAthAAAAMklEQVR4nO3BMQEAAADCoPVPbQ0PoAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAOBuUKwAAYHkSqIAAAAASUVORK5CYII="
)


class SystemClock:
    """The real time: tokens and signatures are checked against it."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("Adapters never sleep.")


@dataclass(frozen=True)
class Image:
    """An input image, or another file."""

    content: bytes = PNG

    def read(self) -> bytes:
        return self.content


@dataclass
class Stage:
    """One vendor's adapter in front of its simulator."""

    vendor: str
    simulators: Simulators
    registries: list[Registry] = field(default_factory=list)

    @property
    def simulator(self) -> Any:
        """The vendor's simulator."""
        return self.simulators.vendors[self.vendor]

    def provider(self, **secret: str | None) -> Provider:
        """Return an adapter; None in `secret` takes a member away."""
        given = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self.simulator.credentials.items()
        }
        whole = {name: value for name, value in (given | secret).items() if value is not None}

        class Fixed:
            def get(self, name: str) -> dict[str, str]:
                return whole

        base = self.simulator.base_url
        spec = load_catalogue().vendor(self.vendor)
        endpoints = {self.vendor: base} | {f"{self.vendor}.{e}": base for e in spec.endpoints}
        self.registries.append(Registry(Fixed(), SystemClock(), endpoints))
        return self.registries[-1].get(self.vendor)

    def stop(self) -> None:
        """Close what was opened."""
        for registry in self.registries:
            registry.close()
        self.simulators.stop()

    def submit(self, provider: Provider, mode: str = "text_to_video", **asked: Any) -> Handle:
        """Submit a request of the catalogue's defaults."""
        handle = provider.submit(self.request(mode, **asked), self.attempt())
        assert isinstance(handle, Handle)
        return handle

    def request(
        self,
        mode: str,
        *,
        inputs: tuple[str, ...] = (),
        model: str = "",
        origin: Origin | None = None,
        **asked: Any,
    ) -> Any:
        """Return a request of a mode; `origin` is that of the video to go on from."""
        spec = load_catalogue().vendor(self.vendor)
        model = next(m for m in spec.models if Mode(mode) in m.modes and model in ("", m.id))
        needed = [n for n, need in model.modes[Mode(mode)].inputs.items() if need == "required"]
        asset = AssetRef(asset_id="ast_01J9ZQ3V5M8K2N4P6R7S8T9V0W")
        body = {"kind": mode, "model": f"{self.vendor}/{model.id}", "prompt": "a fox"}
        body |= dict.fromkeys([*needed, *inputs], asset) | asked
        if Input.REFERENCES in body:
            body[Input.REFERENCES] = [asset, asset]
        options, _ = resolve_options(JobRequest.model_validate(body), spec, model)
        image = InputMedia("image/png", len(PNG), "https://media.example/a.png", Image())
        media: dict[str, Any] = dict.fromkeys(options.inputs, image)
        if Input.REFERENCES in media:
            media[Input.REFERENCES] = (image, image)
        if Input.VIDEO in media:
            source = Image(b"\0\0\0\x18ftypisom")
            media[Input.VIDEO] = InputVideo(
                "video/mp4", 12, "https://media.example/a.mp4", source, origin=origin
            )
        return options.request(**media)

    def attempt(self) -> AttemptRef:
        """Return the attempt that all is about."""
        return AttemptRef(ATTEMPT_ID, f"{self.simulators.receiver.base_url}/callbacks")

    def origin(self, provider: Provider, model: str, mode: str) -> Origin | None:
        """Make the video to go on from, where the vendor takes none but its own."""
        rule = load_catalogue().route(self.vendor, model)[1].modes[Mode(mode)].video
        if not rule.made_by:
            return None
        request = self.request("text_to_video", model=rule.made_by[0])
        handle = provider.submit(request, AttemptRef("att_origin"))
        assert isinstance(handle, Handle)
        outcome = self.outcome(provider, handle)
        assert isinstance(outcome, Succeeded)
        output, made_at = outcome.outputs[0], dt.datetime.now(dt.UTC)
        return Origin(self.vendor, rule.made_by[0], output, handle, made_at)

    def outcome(self, provider: Provider, handle: Handle) -> PollOutcome:
        """Return how the task ends."""
        self.simulators.advance(7200)
        return provider.poll(handle)


StartStage = Callable[..., Stage]


@pytest.fixture(params=VENDORS)
def start(request: pytest.FixtureRequest) -> Iterator[StartStage]:
    """Start the vendor's simulator with rules: `start(("submit", {"kind": "drop"}))`."""
    running: list[Stage] = []

    def begin(*rules: tuple[str, dict[str, Any]], **scenario: Any) -> Stage:
        written = [{"vendor": request.param, "on": on, "do": do} for on, do in rules]
        whole = Scenario.model_validate({"rules": written} | scenario)
        simulator_of(request.param)
        simulators = Simulators(whole, clock=ManualClock(), clip_scale=0.1)
        simulators.start()
        running.append(Stage(request.param, simulators))
        return running[-1]

    yield begin
    for stage in running:
        stage.stop()


def fetch(download: Download) -> bytes:
    """Fetch an output as Store does, only simpler."""
    reply = httpx.request(
        download.method,
        download.url,
        headers=download.headers,
        content=download.body,
        trust_env=False,
    ).raise_for_status()
    if download.base64_member is None:
        return reply.content
    return base64.b64decode(
        functools.reduce(operator.getitem, download.base64_member.path, reply.json())
    )


@pytest.mark.parametrize(("start", "model", "mode", "inputs"), EVERY_MODE, indirect=["start"])
def test_video_is_made_once_when_all_goes_well(
    start: StartStage, model: str, mode: str, inputs: tuple[str, ...]
) -> None:
    stage = start()
    provider = stage.provider()
    origin = stage.origin(provider, model, mode)
    before = stage.simulator.created

    handle = stage.submit(provider, mode, inputs=inputs, model=model, origin=origin)
    assert isinstance(provider.poll(handle), Pending)
    outcome = stage.outcome(provider, handle)

    assert isinstance(outcome, Succeeded)
    assert stage.simulator.created == before + 1
    assert MP4 in fetch(provider.download(outcome.outputs[0]))[:16]
    if outcome.billed:
        assert outcome.billed.amount_usd is not None


def test_nothing_is_created_when_the_vendor_is_throttled(start: StartStage) -> None:
    stage = start(("submit", {"kind": "throttle"}))
    provider = stage.provider()

    with pytest.raises(ProviderThrottledError):
        stage.submit(provider)

    assert stage.simulator.created == 0
    stage.submit(provider)
    assert stage.simulator.created == 1


@pytest.mark.parametrize("start", LOOKING_UP, indirect=True)
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop", "when": "after"},
        {"kind": "http_error", "status": 500, "when": "after"},
        {"kind": "http_error", "status": 504, "when": "after"},
    ],
)
def test_task_is_found_again_when_the_answer_to_its_submit_was_lost(
    start: StartStage, fault: dict[str, Any]
) -> None:
    stage = start(("submit", fault))
    provider = stage.provider()
    assert isinstance(provider, LooksUp)

    with pytest.raises(SubmitUnknownError):
        stage.submit(provider)
    stage.simulators.advance(7200)
    found = provider.lookup(stage.attempt(), stage.simulator.tasks[0].model)

    assert isinstance(found, Found)
    assert isinstance(provider.poll(found.handle), Succeeded)
    assert stage.simulator.created == 1


@pytest.mark.parametrize("start", LOOKING_UP, indirect=True)
@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop", "when": "before"}, {"kind": "http_error", "status": 500, "when": "before"}],
)
def test_nobody_claims_a_task_when_the_submit_never_took_effect(
    start: StartStage, fault: dict[str, Any]
) -> None:
    stage = start(("submit", fault))
    provider = stage.provider()
    spec = load_catalogue().vendor(stage.vendor)
    assert isinstance(provider, LooksUp)

    with pytest.raises(SubmitUnknownError):
        stage.submit(provider)
    answer = provider.lookup(stage.attempt(), "")

    assert isinstance(answer, NotCreated if spec.lookup == "external_id" else CannotTell)
    assert stage.simulator.created == 0


def test_task_is_not_paid_twice_when_it_is_submitted_again(start: StartStage) -> None:
    stage = start()
    provider = stage.provider()
    spec = load_catalogue().vendor(stage.vendor)
    stage.submit(provider)

    if spec.idempotency == "duplicate_refused":
        with pytest.raises(DuplicateSubmitError):
            stage.submit(provider)
        assert stage.simulator.created == 1


def test_submit_is_refused_when_moderation_blocks_the_prompt(start: StartStage) -> None:
    stage = start(("submit", {"kind": "moderation", "when": "before"}))

    with pytest.raises(ProviderRejectedError) as caught:
        stage.submit(stage.provider())

    assert caught.value.reason is Rejection.MODERATION


def test_task_is_blocked_when_moderation_withholds_the_result(start: StartStage) -> None:
    stage = start(("finish", {"kind": "moderation"}))
    provider = stage.provider()

    outcome = stage.outcome(provider, stage.submit(provider))

    assert isinstance(outcome, Blocked)
    assert outcome.reasons[0]


def test_task_has_failed_when_the_vendor_says_so(start: StartStage) -> None:
    stage = start(("finish", {"kind": "fail"}))
    provider = stage.provider()

    outcome = stage.outcome(provider, stage.submit(provider))

    assert isinstance(outcome, Failed)
    assert outcome.message == "Internal error, please try again later."


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "http_error", "status": 500}, ProviderUnavailableError),
        ({"kind": "http_error", "status": 503}, ProviderUnavailableError),
        ({"kind": "drop"}, ProviderUnavailableError),
        ({"kind": "throttle"}, ProviderThrottledError),
    ],
)
def test_poll_can_be_asked_again_when_it_found_nothing_out(
    start: StartStage, fault: dict[str, Any], expected: type[Exception]
) -> None:
    stage = start(("poll", fault))
    provider = stage.provider()
    handle = stage.submit(provider)

    with pytest.raises(expected):
        provider.poll(handle)

    assert isinstance(provider.poll(handle), Pending)


def test_submit_is_certainly_not_sent_when_nobody_listens(start: StartStage) -> None:
    stage = start()
    provider = stage.provider()
    if stage.vendor == "google":  # its token is fetched first, so have one
        stage.submit(provider)
    stage.simulators.stop()

    with pytest.raises(ProviderUnavailableError):
        stage.submit(provider)


def test_submit_works_when_the_server_closed_the_kept_connection(start: StartStage) -> None:
    stage = start(("poll", {"kind": "drop"}))
    provider = stage.provider()
    handle = stage.submit(provider)
    with pytest.raises(ProviderUnavailableError):
        provider.poll(handle)

    stage.simulators.reset()

    stage.submit(provider)
    assert stage.simulator.created == 1


@pytest.mark.parametrize("start", ["google"], indirect=True)
def test_inline_video_is_fetched_whole_when_google_has_no_bucket(start: StartStage) -> None:
    stage = start()
    provider = stage.provider(bucket=None)

    outcome = stage.outcome(provider, stage.submit(provider))

    assert isinstance(outcome, Succeeded)
    download = provider.download(outcome.outputs[0])
    assert download.base64_member is not None
    assert MP4 in fetch(download)[:16]


@pytest.mark.parametrize("start", ["google"], indirect=True)
def test_partly_filtered_result_is_blocked_when_google_withholds_it(start: StartStage) -> None:
    stage = start(("finish", {"kind": "partial_rai"}))
    provider = stage.provider()

    assert isinstance(stage.outcome(provider, stage.submit(provider)), Blocked)


@pytest.mark.parametrize("start", ["kling"], indirect=True)
def test_unknown_status_stays_pending_when_kling_says_it(start: StartStage) -> None:
    stage = start(("poll", {"kind": "unknown_status", "word": "reviewing"}))
    provider = stage.provider()

    assert provider.poll(stage.submit(provider)) == Pending(unknown_status="reviewing")


@pytest.mark.parametrize("start", ["kling"], indirect=True)
def test_no_money_is_final_when_klings_429_means_that(start: StartStage) -> None:
    stage = start(kling={"balance_usd": 0.01})

    with pytest.raises(ProviderRejectedError) as caught:
        stage.submit(stage.provider())

    assert caught.value.reason is Rejection.BALANCE
    assert caught.value.http_status == 429


@pytest.mark.parametrize("start", ["gemini", "kling"], indirect=True)
def test_key_is_refused_when_it_is_wrong(start: StartStage) -> None:
    stage = start()

    with pytest.raises(ProviderRejectedError) as caught:
        stage.submit(stage.provider(api_key="wrong"))

    assert caught.value.reason is Rejection.AUTH


@pytest.mark.parametrize("start", TOLD, indirect=True)
def test_callbacks_are_believed_when_the_vendor_sent_them(start: StartStage) -> None:
    stage = start(("callback", {"kind": "forged"}), ("finish", {"kind": "duration", "seconds": 90}))
    provider = stage.provider()
    assert isinstance(provider, CallsBack)
    stage.submit(provider)
    stage.simulators.advance(200)
    genuine = TOLD[stage.vendor]
    received = stage.simulators.receiver.wait_for(len(genuine) + 1)

    now = dt.datetime.now(dt.UTC).timestamp()
    fresh = [one for one in received if abs(int(one.headers["webhook-timestamp"]) - now) < 290]
    hints = [provider.callback(stage.attempt(), one.headers, one.body) for one in fresh]
    others = [provider.callback(AttemptRef("att_other"), one.headers, one.body) for one in fresh]

    assert len(fresh) == len(genuine) + 1
    assert sorted(hint.terminal for hint in hints if hint) == genuine
    assert others == [None] * len(fresh)


def test_every_vendor_that_can_is_listed_when_it_is_in_the_catalogue() -> None:
    vendors = [load_catalogue().vendor(name) for name in VENDORS]

    assert set(TOLD) == {v.vendor for v in vendors if v.callbacks is not CallbackKind.NONE}
    assert set(CANCELING) == {v.vendor for v in vendors if v.cancel}


@pytest.mark.parametrize("start", CANCELING, indirect=True)
def test_task_ends_unpaid_when_it_is_cancelled(start: StartStage) -> None:
    stage = start()
    provider = stage.provider()
    assert isinstance(provider, Cancels)
    handle = stage.submit(provider, model=CANCELING[stage.vendor])

    provider.cancel(handle)
    outcome = stage.outcome(provider, handle)

    assert isinstance(outcome, Failed)
    assert outcome.code is FailureCode.CANCELED
    assert (stage.simulator.created, stage.simulator.billed) == (1, 0)


@pytest.mark.parametrize("start", CANCELING, indirect=True)
def test_result_is_kept_when_the_cancel_came_too_late(start: StartStage) -> None:
    stage = start()
    provider = stage.provider()
    assert isinstance(provider, Cancels)
    handle = stage.submit(provider, model=CANCELING[stage.vendor])
    assert isinstance(stage.outcome(provider, handle), Succeeded)

    with pytest.raises(ProviderUnavailableError):
        provider.cancel(handle)

    assert isinstance(provider.poll(handle), Succeeded)


@pytest.mark.parametrize("start", ["google"], indirect=True)
@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video"])
@pytest.mark.parametrize("secret", [{}, {"bucket": None}])
def test_omni_makes_a_video_when_google_is_asked_for_it(
    start: StartStage, mode: str, secret: dict[str, None]
) -> None:
    stage = start()
    provider = stage.provider(**secret)

    handle = stage.submit(provider, mode, model="gemini-omni-1.2-flash")
    assert isinstance(provider.poll(handle), Pending)
    outcome = stage.outcome(provider, handle)

    assert isinstance(outcome, Succeeded)
    assert MP4 in fetch(provider.download(outcome.outputs[0]))[:16]
    assert stage.simulator.created == 1


@pytest.mark.parametrize("start", ["google"], indirect=True)
def test_omni_is_found_by_its_prefix_when_the_answer_was_lost(start: StartStage) -> None:
    stage = start(("submit", {"kind": "drop", "when": "after"}))
    provider = stage.provider()
    assert isinstance(provider, LooksUp)

    with pytest.raises(SubmitUnknownError):
        stage.submit(provider, model="gemini-omni-1.2-flash")
    stage.simulators.advance(7200)
    found = provider.lookup(stage.attempt(), "gemini-omni-1.2-flash")

    assert isinstance(found, Found)
    assert isinstance(provider.poll(found.handle), Succeeded)


@pytest.mark.parametrize("start", ["google"], indirect=True)
def test_omni_is_blocked_when_it_answers_with_a_text_alone(start: StartStage) -> None:
    stage = start(("finish", {"kind": "moderation", "message": "I can't do that."}))
    provider = stage.provider()

    outcome = stage.outcome(provider, stage.submit(provider, model="gemini-omni-1.2-flash"))

    assert isinstance(outcome, Blocked)
    assert outcome.reasons == ["I can't do that."]


@pytest.mark.parametrize("start", ["gemini"], indirect=True)
@pytest.mark.parametrize("when", ["before", "after"])
def test_submit_stays_unknown_when_gemini_cannot_be_asked_for_it(
    start: StartStage, when: str
) -> None:
    stage = start(("submit", {"kind": "drop", "when": when}))
    provider = stage.provider()

    with pytest.raises(SubmitUnknownError):
        stage.submit(provider)

    assert not isinstance(provider, LooksUp)
    assert stage.simulator.created == (when == "after")


@pytest.mark.parametrize("start", ["gemini"], indirect=True)
def test_callback_is_believed_when_gemini_has_changed_its_key(start: StartStage) -> None:
    stage = start(("finish", {"kind": "duration", "seconds": 60}))
    provider = stage.provider()
    assert isinstance(provider, CallsBack)
    stage.simulator.webhooks.rotate()

    stage.submit(provider)
    stage.simulators.advance(60)
    [received] = stage.simulators.receiver.wait_for(1)

    assert provider.callback(stage.attempt(), received.headers, received.body)
    assert stage.simulator.calls["keys"] == 1
    assert "leaked_key" not in stage.simulator.calls


@pytest.mark.parametrize("start", ["gemini"], indirect=True)
def test_callback_is_believed_when_gemini_calls_the_projects_webhook(start: StartStage) -> None:
    stage = start(("finish", {"kind": "duration", "seconds": 60}))
    provider = stage.provider()
    assert isinstance(provider, CallsBack)
    stage.simulator.register_webhook(f"{stage.simulators.receiver.base_url}/all")

    attempt = AttemptRef(ATTEMPT_ID)  # nobody can reach it, so the project's webhook is called
    provider.submit(stage.request("text_to_video"), attempt)
    stage.simulators.advance(60)
    [received] = stage.simulators.receiver.wait_for(1)

    assert received.headers["webhook-signature"].startswith("v1,")
    assert provider.callback(attempt, received.headers, received.body)


@pytest.mark.parametrize("start", ["gemini"], indirect=True)
def test_result_is_refused_when_the_key_is_not_sent_with_it(start: StartStage) -> None:
    stage = start()
    provider = stage.provider()
    outcome = stage.outcome(provider, stage.submit(provider))
    assert isinstance(outcome, Succeeded)

    download = provider.download(outcome.outputs[0])

    assert httpx.get(download.url, trust_env=False).status_code == 403
    assert MP4 in fetch(download)[:16]
