"""The topic to which people and systems subscribe, on SNS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import aws_call

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_SUBJECT_MAX_CHARS = 100


class SnsTopic:
    """The Topic port on one topic."""

    def __init__(self, client: SNSClient, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, subject: str, message: str, attributes: Mapping[str, str]) -> None:
        """Publish a message. An attribute without a value is left out: SNS refuses it."""
        with aws_call("publish to the topic"):
            self._client.publish(
                TopicArn=self._topic_arn,
                Subject=_as_subject(subject),
                Message=message,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                    if value
                },
            )


def _as_subject(text: str) -> str:
    """Return what SNS takes for a subject: up to 100 characters of printable ASCII, no blank first.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    ascii_only = "".join(c if " " <= c <= "~" else "?" for c in text)
    return ascii_only.strip()[:_SUBJECT_MAX_CHARS].strip() or "Dailies"
