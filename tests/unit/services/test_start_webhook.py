"""Starting deliveries."""

from __future__ import annotations

import pytest

from dailies.domain.errors import StorageError
from dailies.services.start_webhook import start_webhook
from tests.fakes.notification import MemoryDeliveries, event, ref


def test_delivery_starts_once_under_the_events_id_when_the_message_comes_twice() -> None:
    deliveries = MemoryDeliveries()

    start_webhook(ref(), deliveries=deliveries)
    start_webhook(ref(), deliveries=deliveries)

    assert list(deliveries.started) == [event().event_id]


def test_delivery_has_a_name_of_its_own_when_it_is_redriven() -> None:
    deliveries = MemoryDeliveries()

    start_webhook(ref(), deliveries=deliveries)
    start_webhook(ref().model_copy(update={"run": 2}), deliveries=deliveries)

    assert list(deliveries.started) == [event().event_id, f"{event().event_id}-2"]
    # Step Functions: at most 80 characters of letters, digits, hyphen and underscore.
    assert all(len(name) <= 80 for name in deliveries.started)


def test_trouble_is_raised_when_nothing_was_started() -> None:
    with pytest.raises(StorageError):
        start_webhook(ref(), deliveries=MemoryDeliveries(down=True))
