"""`deliver_webhook.asl.json` in moto's interpreter, with the real handler on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import boto3
import pytest

from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import FetchBrokenError, FetchRefusedError
from dailies.handlers import deliver_webhook, start_webhook
from dailies.services.deliver_webhook import DeliverWebhookPorts
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.notification import (
    TENANT,
    URL,
    MemoryDeliveries,
    MemoryEndpoints,
    MemoryPoster,
    MemorySecrets,
    SteppedClock,
    event,
    job,
    ledger_with,
    outcomes,
    ref,
)
from tests.workflow.harness import (
    REGION,
    Ended,
    create_machine,
    ended,
    function_arn,
    interpreter,
    lambda_error,
    sfn,
    text_of,
)

ARN = function_arn("DeliverWebhook")
HOURS = 3600


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@dataclass
class _World:
    """The machine, deployed to moto, and everything it touches."""

    statuses: Iterator[int | Exception]
    clock: SteppedClock = field(default_factory=SteppedClock)
    ledger: InMemoryLedger = field(
        default_factory=lambda: ledger_with(job({"webhook": {"url": URL}}))
    )
    endpoints: MemoryEndpoints = field(default_factory=MemoryEndpoints)
    poster: MemoryPoster = field(default_factory=MemoryPoster)
    at: list[float] = field(default_factory=list)
    """When each try was made, in seconds after the start."""
    platform_errors: list[str] = field(default_factory=list)
    """Error names that Lambda itself answers with first, instead of running the function."""

    def __post_init__(self) -> None:
        self.poster.answer = self._answer
        self.ports = DeliverWebhookPorts(
            ledger=self.ledger,
            endpoints=self.endpoints,
            poster=self.poster,
            secrets=MemorySecrets(),
            clock=self.clock,
        )

    def _answer(self) -> int:
        self.at.append(self.clock.monotonic())
        answer = next(self.statuses)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def invoke(self, parameters: dict[str, Any]) -> Any:
        """Do what Lambda does: run the handler, and report an exception by its class name."""
        assert parameters["FunctionName"] == ARN
        if self.platform_errors:
            raise lambda_error(self.platform_errors.pop(0), "the platform's")
        payload = json.loads(parameters["Payload"])
        try:
            answer = deliver_webhook.handler(payload, _Context(), self.ports)
        except Exception as exc:
            raise lambda_error(type(exc).__name__, str(exc)) from exc
        return {"StatusCode": 200, "Payload": answer}

    def run(self, delivery: DeliveryRef | None = None) -> tuple[Ended, list[dict[str, Any]]]:
        """Run the machine to its end; return its execution and the dead letters."""
        sqs = boto3.client("sqs", region_name=REGION)
        queue_url = sqs.create_queue(QueueName="dead")["QueueUrl"]
        text = text_of(
            "deliver_webhook",
            {"DeliverWebhookFunctionArn": ARN, "WebhookDeadLetterQueueUrl": queue_url},
        )
        started = delivery or ref()
        execution = sfn().start_execution(
            stateMachineArn=create_machine("deliver", text),
            name=started.execution_name,
            input=started.model_dump_json(),
        )
        found = ended(execution["executionArn"])
        messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
        return found, [json.loads(m["Body"]) for m in messages.get("Messages", [])]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., _World]]:
    """Return what makes a world whose receiver gives these answers, the last one for ever."""
    worlds: list[_World] = []

    def make(*answers: int | Exception) -> _World:
        def forever() -> Iterator[int | Exception]:
            yield from answers
            while True:
                yield answers[-1]

        worlds.append(_World(forever()))
        return worlds[-1]

    with interpreter(
        monkeypatch,
        sleep=lambda seconds: worlds[-1].clock.advance(seconds),
        invoke=lambda parameters: worlds[-1].invoke(parameters),
    ):
        yield make


Deployed = Callable[..., _World]


def test_execution_succeeds_when_the_receiver_takes_the_event(deployed: Deployed) -> None:
    world = deployed(204)

    execution, dead = world.run()

    assert execution.status == "SUCCEEDED"
    assert json.loads(execution.output)["outcome"] == "delivered"
    assert dead == []


def test_receiver_is_asked_again_until_it_takes_the_event(deployed: Deployed) -> None:
    world = deployed(503, FetchBrokenError("timed out"), 429, 302, 200)

    execution, dead = world.run()

    assert execution.status == "SUCCEEDED"
    assert dead == []
    assert world.at == [0, 5, 25, 105, 425]
    assert [outcome for _, _, outcome in outcomes(world.ledger)] == [
        "http_error",
        "no_answer",
        "http_error",
        "redirect",
        "delivered",
    ]
    assert len({post.headers["webhook-id"] for post in world.poster.posts}) == 1


def test_reference_goes_to_the_dead_letters_after_ten_tries(deployed: Deployed) -> None:
    world = deployed(500)

    execution, dead = world.run()

    assert (execution.status, execution.error) == ("FAILED", "WebhookUndelivered")
    assert execution.cause.endswith("Last error: Transient")
    assert len(world.poster.posts) == 10
    waits = [later - earlier for earlier, later in pairwise(world.at)]
    assert waits == [5, 20, 80, 320, 1280, 5120, 20480, 12 * HOURS, 12 * HOURS]
    assert dead == [ref().model_copy(update={"run": 2}).model_dump()]


def test_endpoint_is_disabled_and_not_asked_again_when_it_says_gone(deployed: Deployed) -> None:
    world = deployed(500, 410)

    execution, dead = world.run()

    assert execution.error == "WebhookUndelivered"
    assert execution.cause.endswith("Last error: Permanent")
    assert len(world.poster.posts) == 2
    assert world.endpoints.is_disabled(TENANT, URL)
    assert len(dead) == 1


def test_nothing_is_tried_twice_when_the_address_is_not_allowed(deployed: Deployed) -> None:
    world = deployed(FetchRefusedError("not a public address"))

    execution, dead = world.run()

    assert execution.status == "FAILED"
    assert outcomes(world.ledger) == [("webhook", 1, "address_refused")]
    assert len(dead) == 1


def test_event_is_delivered_when_it_is_moved_back_from_the_dead_letters(deployed: Deployed) -> None:
    world = deployed(*[500] * 10, 200)
    _, dead = world.run()
    deliveries = MemoryDeliveries(started={event().event_id: ref()})
    redriven = {"Records": [{"messageId": "m", "body": json.dumps(dead[0])}]}

    start_webhook.handler(redriven, _Context(), deliveries)
    execution, still_dead = world.run(deliveries.started[f"{event().event_id}-2"])

    assert execution.status == "SUCCEEDED"
    assert json.loads(execution.output)["attempt"] == 11
    assert [m["run"] for m in still_dead] == []


@pytest.mark.parametrize(
    "name", ["Lambda.TooManyRequestsException", "Lambda.ServiceException", "Sandbox.Timedout"]
)
def test_delivery_goes_on_when_lambda_itself_has_trouble(deployed: Deployed, name: str) -> None:
    world = deployed(200)
    world.platform_errors = [name, name]

    execution, _ = world.run()

    assert execution.status == "SUCCEEDED"
    assert len(world.poster.posts) == 1


def test_tries_are_not_used_up_when_lambda_is_throttled(deployed: Deployed) -> None:
    world = deployed(500)
    world.platform_errors = ["Lambda.TooManyRequestsException"] * 3

    world.run()

    assert len(world.poster.posts) == 10


def test_history_holds_references_only_when_a_delivery_fails(deployed: Deployed) -> None:
    world = deployed(500)

    execution, dead = world.run()
    text = json.dumps([execution.history, dead], default=str)
    for secret in ("hooks.example.com", "do-not-tell", "whsec", "lighthouse", "v1,"):
        assert secret not in text
