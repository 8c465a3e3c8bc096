"""Alarms on queues: messages that nobody could handle, and messages that wait too long."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs

from infra.alarm import CRITICAL, WARNING, Alarm

DEAD_LETTERS = "DeadLetters"
"""The construct id of every dead-letter queue."""

_FORGOTTEN_S = 86_400
_LATE_S = 900


def queue_alarms(queues: Sequence[sqs.Queue]) -> Iterator[Alarm]:
    """Watch every queue there is."""
    for queue in queues:
        name = queue_name(queue)
        if is_dead_letters(queue):
            yield from _of_dead_letters(name, queue)
        else:
            yield _of_queue(name, queue)


def is_dead_letters(queue: sqs.Queue) -> bool:
    """Whether the queue holds what others could not handle."""
    return queue.node.id == DEAD_LETTERS


def queue_name(queue: sqs.Queue) -> str:
    """Name a queue after its place: `notifications-webhook-queue-dead-letters`."""
    words = [re.sub(r"(?<!^)(?=[A-Z])", "-", step) for step in queue.node.path.split("/")[1:]]
    parts = "-".join(words).lower().split("-")
    kept = [p for i, p in enumerate(parts) if i == 0 or p != parts[i - 1]]
    return "-".join(kept)


def _of_dead_letters(name: str, queue: sqs.Queue) -> Iterator[Alarm]:
    yield Alarm(
        name=f"{name}-depth",
        level=WARNING,
        text=(
            "Messages lie in this dead-letter queue: something was tried again and again and "
            "given up. Nothing is lost for 14 days. Read one, mend the cause, redrive."
        ),
        section="dead-letters",
        metric=queue.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(5), statistic="Maximum"
        ),
    )
    yield Alarm(
        name=f"{name}-age",
        level=CRITICAL,
        text=(
            "A message has been in this dead-letter queue for a day and nobody has acted. It is "
            "deleted after 14 days. Redrive or purge it now."
        ),
        section="dead-letters",
        metric=queue.metric_approximate_age_of_oldest_message(
            period=Duration.minutes(5), statistic="Maximum"
        ),
        at_least=_FORGOTTEN_S,
    )


def _of_queue(name: str, queue: sqs.Queue) -> Alarm:
    return Alarm(
        name=f"{name}-age",
        level=WARNING,
        text=(
            "A message has waited 15 minutes in this queue: its function is too slow, is throttled "
            "or fails. Look at that function's errors."
        ),
        section="queues",
        metric=queue.metric_approximate_age_of_oldest_message(
            period=Duration.minutes(5), statistic="Maximum"
        ),
        at_least=_LATE_S,
        bad=2,
        of=2,
    )
