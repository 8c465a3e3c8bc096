"""`deliver_webhook.asl.json` in moto's interpreter, with the real handler on a virtual clock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import jsonata
import pytest
from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import FetchBrokenError, FetchRefusedError
from dailies.handlers import deliver_webhook, start_webhook
from dailies.services.deliver_webhook import DeliverWebhookPorts
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import (
    jitter_strategy_decl,
    retrier_decl,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata

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

DEFINITION = Path(__file__).parents[2] / "state_machines" / "deliver_webhook.asl.json"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:DeliverWebhook"
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

    def invoke(self, parameters: dict[str, Any], region: str, state_credentials: Any) -> Any:
        """Do what Lambda does: run the handler, and report an exception by its class name."""
        assert parameters["FunctionName"] == ARN
        if self.platform_errors:
            raise _lambda_error(self.platform_errors.pop(0), "the platform's")
        payload = json.loads(parameters["Payload"])
        try:
            answer = deliver_webhook.handler(payload, _Context(), self.ports)
        except Exception as exc:
            raise _lambda_error(type(exc).__name__, str(exc)) from exc
        return {"StatusCode": 200, "Payload": answer}

    def run(
        self, delivery: DeliveryRef | None = None
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Run the machine to its end; return its description and the dead letters."""
        sqs = boto3.client("sqs", region_name="eu-central-1")
        queue_url = sqs.create_queue(QueueName="dead")["QueueUrl"]
        text = DEFINITION.read_text()
        text = text.replace("${DeliverWebhookFunctionArn}", ARN)
        text = text.replace("${WebhookDeadLetterQueueUrl}", queue_url)
        sfn = boto3.client("stepfunctions", region_name="eu-central-1")
        machine = sfn.create_state_machine(
            name="deliver", definition=text, roleArn="arn:aws:iam::123456789012:role/r"
        )["stateMachineArn"]
        started = delivery or ref()
        execution = sfn.start_execution(
            stateMachineArn=machine, name=started.execution_name, input=started.model_dump_json()
        )["executionArn"]
        until = time.monotonic() + 30
        while (found := sfn.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < until, "The execution did not end."
            time.sleep(0.02)
        messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
        return dict(found), [json.loads(m["Body"]) for m in messages.get("Messages", [])]


def _lambda_error(name: str, message: str) -> Exception:
    return lambda_eval_utils.LambdaFunctionErrorException(
        "Unhandled", json.dumps({"errorType": name, "errorMessage": message})
    )


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., _World]]:
    """Return what makes a world whose receiver gives these answers, the last one for ever."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(moto_jsonata, "_eval_jsonata", lambda e: jsonata.Jsonata(e).evaluate(None))
    # Full jitter draws from 0 to the delay; here it draws the delay, so that the schedule shows.
    monkeypatch.setattr(
        jitter_strategy_decl, "random", SimpleNamespace(uniform=lambda low, high: high)
    )

    def make(*answers: int | Exception) -> _World:
        def forever() -> Iterator[int | Exception]:
            yield from answers
            while True:
                yield answers[-1]

        world = _World(forever())
        monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=world.clock.advance))
        monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", world.invoke)
        return world

    with mock_aws(
        config={"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    ):
        yield make


Deployed = Callable[..., _World]


def test_execution_succeeds_when_the_receiver_takes_the_event(deployed: Deployed) -> None:
    world = deployed(204)

    execution, dead = world.run()

    assert execution["status"] == "SUCCEEDED"
    assert json.loads(execution["output"])["outcome"] == "delivered"
    assert dead == []


def test_receiver_is_asked_again_until_it_takes_the_event(deployed: Deployed) -> None:
    world = deployed(503, FetchBrokenError("timed out"), 429, 302, 200)

    execution, dead = world.run()

    assert execution["status"] == "SUCCEEDED"
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

    assert (execution["status"], execution["error"]) == ("FAILED", "WebhookUndelivered")
    assert execution["cause"].endswith("Last error: Transient")
    assert len(world.poster.posts) == 10
    waits = [later - earlier for earlier, later in pairwise(world.at)]
    assert waits == [5, 20, 80, 320, 1280, 5120, 20480, 12 * HOURS, 12 * HOURS]
    assert dead == [ref().model_copy(update={"run": 2}).model_dump()]


def test_endpoint_is_disabled_and_not_asked_again_when_it_says_gone(deployed: Deployed) -> None:
    world = deployed(500, 410)

    execution, dead = world.run()

    assert execution["error"] == "WebhookUndelivered"
    assert execution["cause"].endswith("Last error: Permanent")
    assert len(world.poster.posts) == 2
    assert world.endpoints.is_disabled(TENANT, URL)
    assert len(dead) == 1


def test_nothing_is_tried_twice_when_the_address_is_not_allowed(deployed: Deployed) -> None:
    world = deployed(FetchRefusedError("not a public address"))

    execution, dead = world.run()

    assert execution["status"] == "FAILED"
    assert outcomes(world.ledger) == [("webhook", 1, "address_refused")]
    assert len(dead) == 1


def test_event_is_delivered_when_it_is_moved_back_from_the_dead_letters(deployed: Deployed) -> None:
    world = deployed(*[500] * 10, 200)
    _, dead = world.run()
    deliveries = MemoryDeliveries(started={event().event_id: ref()})
    redriven = {"Records": [{"messageId": "m", "body": json.dumps(dead[0])}]}

    start_webhook.handler(redriven, _Context(), deliveries)
    execution, still_dead = world.run(deliveries.started[f"{event().event_id}-2"])

    assert execution["status"] == "SUCCEEDED"
    assert json.loads(execution["output"])["attempt"] == 11
    assert [m["run"] for m in still_dead] == []


@pytest.mark.parametrize(
    "name", ["Lambda.TooManyRequestsException", "Lambda.ServiceException", "Sandbox.Timedout"]
)
def test_delivery_goes_on_when_lambda_itself_has_trouble(deployed: Deployed, name: str) -> None:
    world = deployed(200)
    world.platform_errors = [name, name]

    execution, _ = world.run()

    assert execution["status"] == "SUCCEEDED"
    assert len(world.poster.posts) == 1


def test_tries_are_not_used_up_when_lambda_is_throttled(deployed: Deployed) -> None:
    world = deployed(500)
    world.platform_errors = ["Lambda.TooManyRequestsException"] * 3

    world.run()

    assert len(world.poster.posts) == 10


def test_history_holds_references_only_when_a_delivery_fails(deployed: Deployed) -> None:
    world = deployed(500)

    execution, dead = world.run()
    sfn = boto3.client("stepfunctions", region_name="eu-central-1")
    history = sfn.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)[
        "events"
    ]

    text = json.dumps([history, dead], default=str)
    for secret in ("hooks.example.com", "do-not-tell", "whsec", "lighthouse", "v1,"):
        assert secret not in text
