"""State `DeliverWebhook`: one try to POST one event to the caller's address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.deliveries import DeliveryRef
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.deliver_webhook import DeliverWebhookPorts, deliver_webhook


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: DeliverWebhookPorts | None = None
) -> dict[str, Any]:
    """Make one try; `Transient` asks the state machine for the next."""
    ports = deps or bootstrap.deliver_webhook()

    def serve() -> dict[str, Any]:
        ref = DeliveryRef.model_validate(event)
        return deliver_webhook(ref, ports).model_dump(mode="json")

    return call(serve, event)
