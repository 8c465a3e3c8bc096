"""Recorded vendor replies as test cases, and what runs an adapter on them without a network.

`tests/fixtures/providers/<vendor>/provider.json` holds the vendor's made-up secret; every other
file there is one case. `docs/adding_a_provider.md` describes both.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dailies.domain.catalogue import Input, Mode, load_catalogue
from dailies.domain.jobs import AssetRef, JobRequest
from dailies.domain.options import resolve_options
from dailies.domain.outcomes import Handle, Output
from dailies.domain.ports import (
    AttemptRef,
    GenerationRequest,
    InputMedia,
    InputVideo,
    Origin,
    Provider,
)
from dailies.providers import Registry

FIXTURES = Path(__file__).parents[2] / "fixtures" / "providers"
ATTEMPT_ID = "att_01J9ZQ3V5M8K2N4P6R7S8T9V0W_01"
CALLBACK_URL = f"https://api.example/v1/callbacks/vendor/{ATTEMPT_ID}/callback-secret"
IMAGE = b"\x89PNG an image"
VIDEO = b"\x00\x00\x00\x18ftypmp42 a video"
NOW = dt.datetime(2026, 11, 20, 12, 0, 0, tzinfo=dt.UTC)


@dataclass
class FrozenClock:
    """A clock that moves only when told to."""

    at: dt.datetime = NOW
    ticks: float = 1000.0

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    def sleep(self, seconds: float) -> None:
        raise AssertionError("Adapters never sleep.")

    def advance(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)
        self.ticks += seconds


@dataclass(frozen=True)
class FixedSecrets:
    """Every secret of a test."""

    by_name: Mapping[str, Mapping[str, str]]

    def get(self, name: str) -> Mapping[str, str]:
        return self.by_name[name]


@dataclass(frozen=True)
class Bytes:
    """An object's content."""

    content: bytes = IMAGE

    def read(self) -> bytes:
        return self.content


@dataclass
class Wire:
    """Stands for the network: answers with the case's replies in order and keeps what was asked."""

    replies: list[Any]
    always: Mapping[str, Any] = field(default_factory=dict)
    """Replies to side requests (a token), by URL."""
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        if url in self.always:
            return _response(self.always[url])
        self.asked.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return _response(reply)


def _response(reply: Any) -> httpx.Response:
    if isinstance(reply, httpx.Response):
        return reply
    content = json.dumps(reply["json"]) if "json" in reply else reply.get("text", "")
    return httpx.Response(reply["status"], headers=reply.get("headers", {}), content=content)


@dataclass(frozen=True)
class Case:
    """One fixture file."""

    vendor: str
    name: str
    data: dict[str, Any]

    @property
    def call(self) -> str:
        """The port's method that the case calls: the first word of its name."""
        return self.name.split("_")[0]


def cases(vendor: str) -> list[Case]:
    """Return a vendor's cases, sorted by name."""
    files = sorted((FIXTURES / vendor).glob("*.json"))
    return [
        Case(vendor, file.stem, json.loads(file.read_text("utf-8")))
        for file in files
        if file.stem != "provider"
    ]


@functools.cache
def private_key() -> str:
    """Return a new private key: none is kept in the repository."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def settings(vendor: str) -> dict[str, Any]:
    """Return `provider.json`, with a real key where it says `{{private_key}}`."""
    data = json.loads((FIXTURES / vendor / "provider.json").read_text("utf-8"))
    secret = data["secret"]
    data["secret"] = {k: private_key() if v == "{{private_key}}" else v for k, v in secret.items()}
    return data


def build(
    vendor: str,
    replies: list[Any],
    *,
    clock: FrozenClock | None = None,
    secret: Mapping[str, str] | None = None,
) -> tuple[Provider, Wire]:
    """Return the vendor's adapter over a wire that answers with `replies`."""
    data = settings(vendor)
    wire = Wire(replies, data.get("always", {}))
    secrets = FixedSecrets({f"providers/{vendor}": secret or data["secret"]})
    client = httpx.Client(transport=httpx.MockTransport(wire))
    return Registry(secrets, clock or FrozenClock(), {}, client).get(vendor), wire


def request_for(
    vendor: str, mode: str, given: Mapping[str, Any] | None = None
) -> GenerationRequest:
    """Return a request of a mode: the first model that has it, its defaults, `given` over them."""
    spec = load_catalogue().vendor(vendor)
    given = dict(given or {})
    wanted, origin = given.pop("model", None), given.pop("origin", None)
    model = next(m for m in spec.models if Mode(mode) in m.modes and wanted in (None, m.id))
    inputs = {name for name, need in model.modes[Mode(mode)].inputs.items() if need == "required"}
    inputs |= set(given.pop("inputs", []))
    asset = AssetRef(asset_id="ast_01J9ZQ3V5M8K2N4P6R7S8T9V0W")
    request = JobRequest.model_validate(
        {"kind": mode, "model": f"{vendor}/{model.id}", "prompt": "A fox in the snow"}
        | {name: [asset, asset] if name == Input.REFERENCES else asset for name in inputs}
        | given
    )
    options, _ = resolve_options(request, spec, model)
    media = {name: _input(name, vendor, origin) for name in options.inputs}
    return options.request(**media)


def _input(name: Input, vendor: str, origin: Mapping[str, Any] | None) -> Any:
    url = f"https://media.example/{name}.png?signature=input-signature"
    image = InputMedia("image/png", len(IMAGE), url=url, source=Bytes())
    if name is Input.REFERENCES:
        return (image, image)
    if name is not Input.VIDEO:
        return image
    url, source = url.replace(".png", ".mp4"), Bytes(VIDEO)
    made = _origin(vendor, origin) if origin else None
    return InputVideo("video/mp4", len(VIDEO), url=url, source=source, origin=made, duration_s=5.04)


def _origin(vendor: str, origin: Mapping[str, Any]) -> Origin:
    return Origin(
        vendor=vendor,
        model=origin["model"],
        output=Output(content_type="video/mp4", data=origin["output"]),
        handle=Handle(vendor=vendor, data=origin["handle"]) if origin.get("handle") else None,
        made_at=NOW,
    )


def attempt(callback_url: str | None = CALLBACK_URL) -> AttemptRef:
    """Return the attempt that every case is about."""
    return AttemptRef(ATTEMPT_ID, callback_url)
