"""The event bus for other systems, on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dailies.adapters.aws_errors import aws_call
from dailies.domain.errors import StorageError
from dailies.domain.events import Event

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "dailies"


class EventBridgeBus:
    """The EventBus port on the bus `bus`."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    def put(self, event: Event, detail: Mapping[str, Any]) -> None:
        """Put an event on the bus, with its type as detail type and `detail` as its body.

        Raises:
            StorageError: the bus did not take it. PutEvents may answer 200 even then: its entry
                tells.
        """
        with aws_call("put an event on the bus"):
            answer = self._client.put_events(
                Entries=[
                    {
                        "EventBusName": self._bus,
                        "Source": SOURCE,
                        "DetailType": event.type.value,
                        "Time": event.at,
                        "Detail": json.dumps(detail, separators=(",", ":")),
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "")
            raise StorageError(f"put an event on the bus: {code}")
