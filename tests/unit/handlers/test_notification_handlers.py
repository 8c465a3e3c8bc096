"""The handlers of publish and the three sinks: partial batches, and the names that ASL matches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dailies.domain.errors import FetchBrokenError, FetchRefusedError
from dailies.handlers import announce, deliver_webhook, publish, send_email, start_webhook
from dailies.handlers.boundary import Permanent, Transient
from dailies.services.announce import AnnouncePorts
from dailies.services.deliver_webhook import DeliverWebhookPorts
from dailies.services.publish import PublishPorts
from dailies.services.send_email import SendEmailPorts
from tests.fakes.notification import (
    JOB_ID,
    URL,
    Bus,
    MemoryDeliveries,
    MemoryEndpoints,
    MemoryMailer,
    MemoryPoster,
    MemorySecrets,
    MemoryTopic,
    Posters,
    SteppedClock,
    event,
    job,
    ledger_with,
    ref,
)


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 30_000


CONTEXT = _Context()
LOST = ref(event(seq=7))


def _stream_record(number: str, seq: int = 9) -> dict[str, Any]:
    image = {
        "pk": {"S": f"JOB#{JOB_ID}"},
        "job_id": {"S": JOB_ID},
        "event_id": {"S": event(seq=seq).event_id},
        "seq": {"N": str(seq)},
        "outbox": {"N": "1"},
    }
    return {"eventName": "INSERT", "dynamodb": {"SequenceNumber": number, "NewImage": image}}


def _queue(*bodies: object) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"m{n}", "body": body if isinstance(body, str) else json.dumps(body)}
            for n, body in enumerate(bodies, start=1)
        ]
    }


def _from_bus() -> dict[str, Any]:
    """What the rule puts in a queue: the whole event, as EventBridge wraps it."""
    ledger, bus = ledger_with(job({"webhook": {"url": URL}})), Bus()
    publish.handler(
        {"Records": [_stream_record("1")]}, CONTEXT, PublishPorts(ledger=ledger, bus=bus)
    )
    return {"version": "0", "detail-type": "job.succeeded", "detail": bus.put_details[0]}


def test_publish_names_the_failed_record_alone_when_another_was_published() -> None:
    ledger, bus = ledger_with(job({"sns": True})), Bus()
    batch = {"Records": [_stream_record("100"), _stream_record("101", seq=8)]}

    answer = publish.handler(batch, CONTEXT, PublishPorts(ledger=ledger, bus=bus))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert [d["event_id"] for d in bus.put_details] == [event().event_id]


def test_publish_answers_no_failure_when_all_were_published() -> None:
    ports = PublishPorts(ledger=ledger_with(job({})), bus=Bus())

    assert publish.handler({"Records": [_stream_record("1")]}, CONTEXT, ports) == {
        "batchItemFailures": []
    }


def test_each_sink_is_told_once_when_the_stream_shows_the_event_twice() -> None:
    told = job({"webhook": {"url": URL}, "email": ["ann@example.com"], "sns": True})
    ledger, bus = ledger_with(told), Bus()
    twice = {"Records": [_stream_record("1"), _stream_record("1")]}
    publish.handler(twice, CONTEXT, PublishPorts(ledger=ledger, bus=bus))
    queue = _queue(*({"detail": detail} for detail in bus.put_details))
    deliveries, topic, mailer = MemoryDeliveries(), MemoryTopic(), MemoryMailer()
    clock = SteppedClock()

    start_webhook.handler(queue, CONTEXT, deliveries)
    announce.handler(queue, CONTEXT, AnnouncePorts(ledger=ledger, topic=topic, clock=clock))
    send_email.handler(
        queue,
        CONTEXT,
        SendEmailPorts(
            ledger=ledger,
            media=Posters(),  # type: ignore[arg-type]
            mailer=mailer,
            clock=clock,
            link=lambda asset_id, tenant: "https://v.example/v1/links/t",
        ),
    )

    assert len(bus.put_details) == 2
    assert list(deliveries.started) == [event().event_id]
    assert len(topic.published) == 1
    assert len(mailer.sent) == 1


def test_start_webhook_takes_events_of_the_bus_and_redriven_references() -> None:
    deliveries = MemoryDeliveries()
    redriven = ref().model_copy(update={"run": 2}).model_dump()

    answer = start_webhook.handler(_queue(_from_bus(), redriven), CONTEXT, deliveries)

    assert answer == {"batchItemFailures": []}
    assert list(deliveries.started) == [event().event_id, f"{event().event_id}-2"]


@pytest.mark.parametrize("body", ["no json", "[]", '{"event_id": "../x"}', "{}"])
def test_only_the_malformed_message_comes_again_when_others_are_fine(body: str) -> None:
    deliveries = MemoryDeliveries()

    answer = start_webhook.handler(_queue(body, _from_bus()), CONTEXT, deliveries)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert len(deliveries.started) == 1


def test_message_comes_again_when_its_sink_is_down() -> None:
    ledger = ledger_with(job({"sns": True}))
    topic = MemoryTopic(down=True)
    ports = AnnouncePorts(ledger=ledger, topic=topic, clock=SteppedClock())

    answer = announce.handler(_queue(ref().model_dump()), CONTEXT, ports)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def _delivery_ports(poster: MemoryPoster) -> DeliverWebhookPorts:
    return DeliverWebhookPorts(
        ledger=ledger_with(job({"webhook": {"url": URL}})),
        endpoints=MemoryEndpoints(),
        poster=poster,
        secrets=MemorySecrets(),
        clock=SteppedClock(),
    )


def test_delivery_answers_references_only_when_it_was_taken() -> None:
    answer = deliver_webhook.handler(ref().model_dump(), CONTEXT, _delivery_ports(MemoryPoster()))

    assert answer == {
        "v": 1,
        "event_id": event().event_id,
        "outcome": "delivered",
        "attempt": 1,
    }


def _refused() -> int:
    raise FetchRefusedError("not a public address")


def _no_answer() -> int:
    raise FetchBrokenError("timed out")


@pytest.mark.parametrize(
    ("poster", "name"),
    [
        (MemoryPoster(lambda: 500), Transient),
        (MemoryPoster(lambda: 302), Transient),
        (MemoryPoster(lambda: 429), Transient),
        (MemoryPoster(_no_answer), Transient),
        (MemoryPoster(lambda: 410), Permanent),
        (MemoryPoster(_refused), Permanent),
    ],
)
def test_delivery_raises_the_name_that_the_state_machine_matches(
    poster: MemoryPoster, name: type[Exception]
) -> None:
    with pytest.raises(name) as caught:
        deliver_webhook.handler(ref().model_dump(), CONTEXT, _delivery_ports(poster))

    assert type(caught.value).__name__ in {"Transient", "Permanent"}
    assert "example.com" not in str(caught.value)


def test_delivery_is_permanent_when_the_ledger_has_no_such_event() -> None:
    with pytest.raises(Permanent):
        deliver_webhook.handler(LOST.model_dump(), CONTEXT, _delivery_ports(MemoryPoster()))


def test_no_log_line_holds_an_address_when_everything_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(Permanent):
        deliver_webhook.handler(
            ref().model_dump(), CONTEXT, _delivery_ports(MemoryPoster(_refused))
        )

    printed = capsys.readouterr()
    assert "do-not-tell" not in printed.out + printed.err
