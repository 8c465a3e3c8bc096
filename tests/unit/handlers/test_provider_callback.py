"""Vendors' callbacks: only what a vendor really sent to an address of ours counts."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from dailies.bootstrap import CallbackPorts
from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import load_catalogue
from dailies.domain.changes import Draft
from dailies.domain.errors import ConfigurationError, StorageError
from dailies.domain.ids import attempt_id
from dailies.domain.jobs import Job
from dailies.domain.outcomes import CallbackHint
from dailies.domain.ports import AttemptRef
from dailies.domain.signing import callback_secret
from dailies.handlers.api import handler as api_handler
from dailies.handlers.provider_callback import handler
from dailies.observability import logger
from tests.fakes.api import START, ApiClient, ApiFakes

KEY = "stage-key"


class Vendor:
    """Believes what is signed `good`."""

    address: str | None = None

    def callback(
        self, attempt: AttemptRef, headers: Mapping[str, str], body: bytes
    ) -> CallbackHint | None:
        self.address = attempt.callback_url
        good = headers.get("x-signature") == "good" and body == b"it is done"
        return CallbackHint(terminal=True) if good else None


@dataclass
class World:
    """One job with one attempt, and what its callback meets."""

    fakes: ApiFakes = field(default_factory=ApiFakes)
    vendor: Any = field(default_factory=Vendor)

    def __post_init__(self) -> None:
        client = ApiClient(api_handler, self.fakes)
        body = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a red fox"}
        reply = client.post("/v1/jobs", body, headers={"Idempotency-Key": "k"})
        self.job_id: str = reply.json["job_id"]
        self.attempt_id = attempt_id(self.job_id, 1)
        attempt = Attempt(
            job_id=self.job_id,
            number=1,
            attempt_id=self.attempt_id,
            vendor="kling",
            model="kling-3.0",
            created_at=START,
        )
        change = Draft(job=self.job, now=START).write_attempt(attempt, was=None).change()
        self.fakes.ledger.apply(change)

    @property
    def job(self) -> Job:
        job = self.fakes.ledger.job(self.job_id)
        assert job is not None
        return job

    def get(self, name: str) -> Any:
        return self.vendor if name == "kling" else {"callback_key": KEY}

    def status(self, **changed: Any) -> int:
        path = {
            "vendor": "kling",
            "attempt": self.attempt_id,
            "secret": callback_secret(KEY, self.attempt_id),
        } | changed.pop("path", {})
        event = {
            "pathParameters": path,
            "headers": {"X-Signature": "good"},
            "body": "it is done",
            "isBase64Encoded": False,
        } | changed
        ports = CallbackPorts(
            ledger=self.fakes.ledger,
            workflow=self.fakes.workflow,
            providers=self,
            catalogue=load_catalogue(),
            secrets=self,
            public_url="https://api.example",
        )
        return handler(event, None, ports)["statusCode"]  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


def test_wait_is_woken_when_the_vendor_has_really_called(world: World) -> None:
    world.fakes.ledger.put_token(world.job_id, run=1, seen=0, token="the-token")

    assert world.status() == 204

    assert world.job.signal_seq == 1
    assert world.fakes.workflow.woken == ["the-token"]


def test_vendor_is_told_the_address_it_was_given_when_it_calls(world: World) -> None:
    world.status()

    secret = callback_secret(KEY, world.attempt_id)
    expected = f"https://api.example/v1/callbacks/kling/{world.attempt_id}/{secret}"
    assert world.vendor.address == expected


def test_signal_counts_when_no_wait_has_begun(world: World) -> None:
    assert world.status(body=base64.b64encode(b"it is done").decode(), isBase64Encoded=True) == 204

    assert (world.job.signal_seq, world.fakes.workflow.woken) == (1, [])


@pytest.mark.parametrize(
    "changed", [{"headers": {}}, {"headers": None}, {"body": "forged"}, {"body": None}]
)
def test_nothing_happens_when_the_vendor_did_not_send_it(
    world: World, changed: dict[str, Any]
) -> None:
    assert world.status(**changed) == 204

    assert world.job.signal_seq == 0


@pytest.mark.parametrize(
    "path",
    [
        {"secret": ""},
        {"secret": "é"},
        {"secret": callback_secret("other-key", "att_01JCZ5V5ZK8W1R8Q4T9X3M7N2P_01")},
        {"attempt": "att_01JCZ5V5ZK8W1R8Q4T9X3M7N2P_01"},
        {"attempt": "../../etc"},
        {"vendor": "nobody"},
        {"vendor": "_http"},
    ],
)
def test_address_is_missing_when_we_never_made_it(world: World, path: dict[str, str]) -> None:
    assert world.status(path=path) == 404

    assert world.job.signal_seq == 0


def test_address_is_missing_when_the_vendor_never_calls_back(world: World) -> None:
    world.vendor = object()

    assert world.status() == 404


def test_signals_stop_counting_when_an_attempt_has_had_its_share(world: World) -> None:
    assert {world.status() for _ in range(60)} == {204}

    assert world.job.signal_seq == 50


def test_body_is_refused_when_it_is_too_large_or_garbled(world: World) -> None:
    assert world.status(body="x" * (256 * 1024 + 1)) == 413
    assert world.status(body="not base64!", isBase64Encoded=True) == 400


@pytest.mark.parametrize(
    ("error", "status"), [(StorageError("no answer"), 503), (ConfigurationError("no key"), 500)]
)
def test_vendor_is_asked_to_come_again_when_we_could_not_take_it(
    world: World, error: Exception, status: int
) -> None:
    def broken(phase: str, write: str) -> None:
        raise error

    world.fakes.ledger.interrupt = broken

    assert world.status() == status


def test_what_is_missing_is_logged_when_a_callback_finds_the_deployment_incomplete(
    world: World,
) -> None:
    lines: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record)

    def broken(phase: str, write: str) -> None:
        raise ConfigurationError("The secret signing lacks callback_key.")

    world.fakes.ledger.interrupt = broken
    handler_of_test = Keep()
    logger.addHandler(handler_of_test)
    try:
        world.status()
    finally:
        logger.removeHandler(handler_of_test)

    assert [vars(line)["error"] for line in lines] == ["The secret signing lacks callback_key."]
