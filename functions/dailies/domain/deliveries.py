"""Deliveries: telling one event to one sink, try by try."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Sink(StrEnum):
    """Where an event is told, beside the bus itself."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SNS = "sns"


class DeliveryRef(BaseModel):
    """Names one event to be delivered: what queues and executions pass on, and nothing more."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    """Version of this shape: executions outlive deploys."""
    event_id: str = Field(pattern=r"^evt_[0-9A-HJKMNP-TV-Z]{26}_\d{6}$")
    job_id: str = Field(pattern=r"^job_[0-9A-HJKMNP-TV-Z]{26}$")
    seq: int = Field(ge=1)
    run: int = Field(default=1, ge=1)
    """Counts deliveries of the same event: a redrive from the dead-letter queue is the next run."""

    @property
    def execution_name(self) -> str:
        """The name of its `deliver_webhook` execution: the same for every duplicate of this run."""
        return self.event_id if self.run == 1 else f"{self.event_id}-{self.run}"


class Delivery(BaseModel):
    """One try to tell one event to one sink: a line of the delivery log."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    event_id: str
    sink: str
    """`webhook`, `sns`, or `email-<16 hex digits of SHA-256 of the address>`."""
    attempt: int
    """1 for the first try."""
    at: dt.datetime
    outcome: str
    """`delivered`, or a stable word for what went wrong. Never a URL, an address or a body."""
    http_status: int | None = None
    duration_ms: int = 0


DELIVERED = "delivered"
"""The outcome after which a sink is told no more."""
SENDING = "sending"
"""The outcome of a try that has not ended, or whose end could not be written."""
