"""The command that moves dead letters back, against an AWS in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud import Account, Answers, moto_client, refused, resource, stacks
from moto import mock_aws

from tools.deploy.errors import DeployError
from tools.redrive import redrive

QUEUE = "NotificationsWebhookQueue1A2B3C4D"
DEAD = "NotificationsWebhookQueueDeadLetters1A2B3C4D"
ALONE = "WatchDeadLetters1A2B3C4D"
KIND = "AWS::SQS::Queue"


class MovesItself:
    """SQS as AWS has it: it moves the messages itself."""

    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs
        self.asked: list[dict[str, str]] = []

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._sqs, operation)

    def start_message_move_task(self, **arguments: str) -> dict[str, str]:
        self.asked.append(arguments)
        return {"TaskHandle": "a-task-with-a-long-handle"}


class MovesNothing(MovesItself):
    """SQS as the emulator has it."""

    def start_message_move_task(self, **arguments: str) -> dict[str, str]:
        raise refused("InvalidAction", "StartMessageMoveTask")


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        yield moto_client("sqs")


def an_account(sqs: Any, wrapped: Any) -> tuple[Account, dict[str, str]]:
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in (QUEUE, DEAD, ALONE)}
    policy = {"deadLetterTargetArn": {"Fn::GetAtt": [DEAD, "Arn"]}, "maxReceiveCount": 5}
    template = {name: {"Type": KIND, "Properties": {}} for name in urls}
    template[QUEUE]["Properties"] = {"RedrivePolicy": policy}
    pipeline = {
        "Template": {"Resources": template},
        "Resources": [resource(KIND, url, name) for name, url in urls.items()],
    }
    return Account(cloudformation=stacks(pipeline=pipeline), sqs=wrapped(sqs)), urls


def depth(sqs: Any, url: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    hidden = int(answer["ApproximateNumberOfMessagesNotVisible"])
    return int(answer["ApproximateNumberOfMessages"]) + hidden


def test_nothing_is_moved_when_nobody_said_yes(sqs: Any) -> None:
    clients, urls = an_account(sqs, MovesNothing)
    sqs.send_message(QueueUrl=urls[DEAD], MessageBody="{}")
    said: list[str] = []

    redrive("dev", "", yes=False, clients=clients, say=said.append)

    assert (depth(sqs, urls[DEAD]), depth(sqs, urls[QUEUE])) == (1, 0)
    told = "\n".join(said)
    assert "webhook: 1 message(s), the oldest since 20" in told
    assert "watch: 0 message(s)" in told
    assert "Nothing was moved" in told


def test_every_message_goes_back_once_when_sqs_cannot_move_them(sqs: Any) -> None:
    clients, urls = an_account(sqs, MovesNothing)
    bodies = [json.dumps({"seq": n}) for n in range(23)]
    for body in bodies:
        sqs.send_message(QueueUrl=urls[DEAD], MessageBody=body)

    # The look of a moment ago hides nothing: what it saw was given back.
    redrive("dev", "webhook", yes=True, clients=clients, say=lambda line: None)

    assert (depth(sqs, urls[DEAD]), depth(sqs, urls[QUEUE])) == (0, len(bodies))
    moved: list[str] = []
    while got := sqs.receive_message(QueueUrl=urls[QUEUE], MaxNumberOfMessages=10).get("Messages"):
        moved += [one["Body"] for one in got]
    assert sorted(moved) == sorted(bodies)


def test_sqs_is_told_where_to_where_it_moves_them_itself(sqs: Any) -> None:
    clients, _ = an_account(sqs, MovesItself)

    redrive("dev", "webhook", yes=True, clients=clients, say=lambda line: None)

    (asked,) = clients("sqs").asked
    assert asked["SourceArn"].endswith(f":{DEAD}")
    assert asked["DestinationArn"].endswith(f":{QUEUE}")


def test_message_stays_when_no_queue_takes_it_again(sqs: Any) -> None:
    clients, urls = an_account(sqs, MovesItself)
    sqs.send_message(QueueUrl=urls[ALONE], MessageBody="{}")

    redrive("dev", "watch", yes=True, clients=clients, say=lambda line: None)

    assert depth(sqs, urls[ALONE]) == 1
    assert clients("sqs").asked == []


def test_message_stays_when_its_copy_could_not_be_sent(sqs: Any) -> None:
    class Full(MovesNothing):
        def send_message(self, **arguments: str) -> None:
            raise refused("OverLimit", "SendMessage")

    clients, urls = an_account(sqs, Full)
    sqs.send_message(QueueUrl=urls[DEAD], MessageBody="{}")

    with pytest.raises(ClientError):
        redrive("dev", "webhook", yes=True, clients=clients, say=lambda line: None)

    assert (depth(sqs, urls[DEAD]), depth(sqs, urls[QUEUE])) == (1, 0)


def test_queues_are_named_when_there_is_none_of_that_name(sqs: Any) -> None:
    clients, _ = an_account(sqs, MovesItself)

    with pytest.raises(DeployError, match="watch, webhook"):
        redrive("dev", "fax", yes=True, clients=clients, say=lambda line: None)


def test_stage_is_missing_when_it_was_never_deployed() -> None:
    clients = Account(cloudformation=stacks(), sqs=Answers())

    with pytest.raises(DeployError, match="Dailies-dev-Pipeline"):
        redrive("dev", "", yes=False, clients=clients, say=lambda line: None)
