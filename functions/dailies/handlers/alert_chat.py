"""The operators' topics: each message goes to a chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.alert_chat import AlertChatPorts, alert_chat


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: AlertChatPorts | None = None
) -> None:
    """Repeat the message; one that the chat does not take is tried again, then kept."""
    ports = deps or bootstrap.alert_chat()

    def serve() -> None:
        for record in event["Records"]:
            alert_chat(str(record["Sns"]["Message"]), ports)

    call(serve, {})
