"""The email queue: each message is an event that people are told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.batches import each_message
from dailies.handlers.boundary import LambdaContext
from dailies.services.send_email import SendEmailPorts, send_email


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: SendEmailPorts | None = None
) -> dict[str, Any]:
    """Send the emails of a batch; events with an address that did not get one come again."""
    ports = deps or bootstrap.send_email()
    return each_message(event, lambda ref: send_email(ref, ports))
