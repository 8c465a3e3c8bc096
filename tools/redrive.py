"""Move dead letters back: `python -m tools.redrive --stage prod [--queue webhook] [--yes]`.

Without `--yes` it only shows what lies in the stage's dead-letter queues. A message goes back to
the queue that it came from. Receivers take an event twice without harm: its id stays the same.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_clients import client
from infra.stage import STAGE_NAMES
from tools.deploy.errors import DeployError, explain
from tools.deploy.stacks import Clients, deployed_template, find_stack, resources_of, stack_names

_QUEUE = "AWS::SQS::Queue"
_LOOKED_AT_S = 20
"""How long a message that was looked at stays hidden: long enough to look at the whole queue."""
_BATCH = 10
_UNKNOWN = {"InvalidAction", "UnsupportedOperation", "UnknownOperationException"}


@dataclass(frozen=True)
class DeadLetters:
    """One dead-letter queue."""

    name: str
    """What people call it: the last words of its place in the stack."""
    url: str
    arn: str
    source_url: str | None
    """The queue that it takes from; None where functions or schedules give up into it."""


@dataclass(frozen=True)
class Depth:
    """What lies in a queue."""

    messages: int
    oldest: dt.datetime | None
    """When the oldest of the messages looked at was sent; None where there is none."""


class Redrive:
    """Looks into a stage's dead-letter queues, and empties them into the queues they serve."""

    def __init__(self, stage: str, clients: Clients, say: Callable[[str], None]) -> None:
        """Describe it."""
        self._stage, self._clients, self._say = stage, clients, say
        self._sqs = clients("sqs")

    def queues(self) -> list[DeadLetters]:
        """Return the dead-letter queues of the stage, by name.

        Raises:
            DeployError: the stage is not deployed.
        """
        stack = stack_names(self._stage)[1]
        if find_stack(self._clients, stack) is None:
            raise DeployError(f"There is no stack {stack} in this account and region.")
        urls = resources_of(self._clients, stack, _QUEUE)
        resources = deployed_template(self._clients, stack)["Resources"]
        sources = {target: one for one in urls if (target := _dead_letters_of(resources[one]))}
        found = [
            DeadLetters(
                name=_name(logical_id),
                url=urls[logical_id],
                arn=self._arn(urls[logical_id]),
                source_url=urls.get(sources.get(logical_id, "")),
            )
            for logical_id in urls
            if "DeadLetters" in logical_id
        ]
        return sorted(found, key=lambda queue: queue.name)

    def show(self, queues: Sequence[DeadLetters]) -> None:
        """Say of each queue how much lies in it, how old, and where it would go."""
        for queue in queues:
            depth = self.depth(queue)
            since = f", the oldest since {depth.oldest:%Y-%m-%d %H:%M} UTC" if depth.oldest else ""
            to = "" if queue.source_url else "; nothing takes them again: read them and act"
            self._say(f"{queue.name}: {depth.messages} message(s){since}{to}")

    def depth(self, queue: DeadLetters) -> Depth:
        """Return how much lies in a queue; looking hides its first messages for a moment."""
        answer = self._sqs.get_queue_attributes(
            QueueUrl=queue.url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        count = int(answer["Attributes"]["ApproximateNumberOfMessages"])
        if count == 0:
            return Depth(0, None)
        seen = self._receive(queue.url)
        sent = [int(one["Attributes"]["SentTimestamp"]) for one in seen]
        for one in seen:  # give them back at once
            self._sqs.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
            )
        oldest = dt.datetime.fromtimestamp(min(sent) / 1000, dt.UTC) if sent else None
        return Depth(count, oldest)

    def move(self, queue: DeadLetters) -> None:
        """Move what lies in a queue back to where it came from, and say what was done."""
        if queue.source_url is None:
            self._say(f"{queue.name}: left alone, for no queue takes its messages again.")
            return
        try:
            # Named: a workflow puts its messages here itself, and those know no source.
            task = self._sqs.start_message_move_task(
                SourceArn=queue.arn, DestinationArn=self._arn(queue.source_url)
            )
        except ClientError as exc:
            if exc.response.get("Error", {}).get("Code") not in _UNKNOWN:
                raise
            moved = 0
            for message in self._all(queue):
                self._move_one(queue.url, queue.source_url, message)
                moved += 1
            self._say(f"{queue.name}: {moved} message(s) moved back.")
            return
        self._say(f"{queue.name}: SQS moves the messages back (task {task['TaskHandle'][:16]}…).")

    def _move_one(self, url: str, source_url: str, message: dict[str, Any]) -> None:
        # Sent first: what dies in between makes a second copy, which is harmless, and no loss.
        self._sqs.send_message(QueueUrl=source_url, MessageBody=message["Body"])
        self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _all(self, queue: DeadLetters) -> Iterator[dict[str, Any]]:
        while messages := self._receive(queue.url):
            yield from messages

    def _receive(self, url: str) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=_LOOKED_AT_S,
            AttributeNames=["SentTimestamp"],
        )
        return answer.get("Messages", [])

    def _arn(self, url: str) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]


def _dead_letters_of(resource: dict[str, Any]) -> str | None:
    """Return the logical id of a queue's dead-letter queue."""
    policy = resource.get("Properties", {}).get("RedrivePolicy", {})
    target = policy.get("deadLetterTargetArn", {})
    return target["Fn::GetAtt"][0] if isinstance(target, dict) and target else None


def _name(logical_id: str) -> str:
    """Return what people call a queue: `NotificationsWebhookQueueDeadLetters1A2B` is `webhook`."""
    place = logical_id.partition("DeadLetters")[0]
    words = place.removeprefix("Notifications").removesuffix("Queue")
    return re.sub(r"(?<!^)(?=[A-Z])", "-", words).lower()


def redrive(
    stage: str, wanted: str, *, yes: bool, clients: Clients, say: Callable[[str], None]
) -> None:
    """Show the stage's dead letters, and with `yes` move back those of the queue `wanted`.

    Raises:
        DeployError: the stage is not deployed, or there is no such queue.
    """
    work = Redrive(stage, clients, say)
    queues = work.queues()
    chosen = [queue for queue in queues if wanted in {"", queue.name}]
    if not chosen:
        names = ", ".join(queue.name for queue in queues)
        raise DeployError(f"There is no dead-letter queue {wanted}; there are: {names}.")
    work.show(chosen)
    if not yes:
        say("Nothing was moved. YES=1 moves them, QUEUE=<name> those of one queue.")
        return
    for queue in chosen:
        work.move(queue)


def main(arguments: Sequence[str] | None = None) -> int:
    """Redrive a stage's dead letters; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.redrive", description=__doc__)
    parser.add_argument("--stage", required=True, choices=STAGE_NAMES)
    parser.add_argument("--queue", default="", help="webhook, email, sns, …: all without it")
    parser.add_argument("--yes", action="store_true", help="do it")
    given = parser.parse_args(arguments)
    try:
        redrive(
            given.stage,
            given.queue,
            yes=given.yes,
            clients=client,
            say=lambda line: print(line, flush=True),
        )
    except DeployError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    except (BotoCoreError, ClientError) as exc:
        sys.stderr.write(f"{explain(exc)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
