"""Start webhook: begin the delivery of one event to the caller's webhook."""

from __future__ import annotations

from dailies.domain.deliveries import DeliveryRef
from dailies.domain.ports import DeliveryWorkflow


def start_webhook(ref: DeliveryRef, *, deliveries: DeliveryWorkflow) -> None:
    """Start the delivery's execution; a duplicate of the message changes nothing.

    Raises:
        StorageError: it was not started; the queue brings the message again.
    """
    deliveries.start(ref)
