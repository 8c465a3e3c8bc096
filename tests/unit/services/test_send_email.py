"""Emails: who gets one, how often, and what is in it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dailies.domain.deliveries import Delivery
from dailies.domain.errors import ConflictError, StorageError
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, Job, JobError, JobState
from dailies.domain.notifications import email_sink
from dailies.services.send_email import MAX_POSTER_BYTES, SendEmailPorts, send_email
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.notification import (
    ASSET_ID,
    JOB_ID,
    TENANT,
    Mail,
    MemoryMailer,
    Posters,
    SteppedClock,
    asset,
    event,
    fill,
    job,
    outcomes,
    ref,
)

ANN, BEN = "ann@example.com", "ben@example.com"
JPEG = b"\xff\xd8\xff\xe0 poster"
LINK = "https://video.example.com/v1/links/abc?x=1&y=2"


class _World:
    """The ports of an email, and what became of them."""

    def __init__(
        self,
        told: Job | None = None,
        type: EventType = EventType.JOB_SUCCEEDED,
        ledger: InMemoryLedger | None = None,
    ) -> None:
        self.event = event(type)
        self.ledger = fill(ledger or InMemoryLedger(), told or job({"email": [ANN]}), self.event)
        self.mailer = MemoryMailer()
        self.clock = SteppedClock()
        self.linked: list[tuple[str, str]] = []
        poster_key = asset().poster_key
        assert poster_key
        self.media = Posters({poster_key: JPEG})

    def send(self) -> list[Mail]:
        ports = SendEmailPorts(
            ledger=self.ledger,
            media=self.media,  # type: ignore[arg-type]
            mailer=self.mailer,
            clock=self.clock,
            link=self._link,
        )
        send_email(ref(self.event), ports)
        return self.mailer.sent

    def _link(self, asset_id: str, tenant: str) -> str:
        self.linked.append((asset_id, tenant))
        return LINK


def test_email_has_link_poster_and_summary_when_the_job_succeeded() -> None:
    world = _World()

    (mail,) = world.send()

    assert mail.to == (ANN,)
    assert mail.subject == "Your video is ready: A lighthouse in a storm"
    assert mail.message_id == event().event_id
    assert world.linked == [(ASSET_ID, TENANT)]
    assert [(i.content_id, i.data) for i in mail.images] == [("poster", JPEG)]
    assert 'src="cid:poster"' in mail.html
    assert "https://video.example.com/v1/links/abc?x=1&amp;y=2" in mail.html
    assert LINK in mail.text
    for fact in ("A lighthouse in a storm", "kling/kling-v2", "5.0 s", "1 min 35 s", "$0.35"):
        assert fact in mail.html
        assert fact in mail.text
    assert "$" not in mail.text.replace("$0.35", "")


def test_text_from_outside_is_escaped_when_it_looks_like_html() -> None:
    evil = '<script>alert(1)</script><img src=x onerror="y"> & $headline ${job_id}'
    error = JobError(code="x", message="<b>no</b>", hint='<a href="//evil">', reasons=["<i>r</i>"])
    failed = job({"email": [ANN]}, state=JobState.FAILED, prompt=evil, error=error)

    (mail,) = _World(failed, EventType.JOB_FAILED).send()

    for markup in ("<script", "<img", "<b>", "<i>", '"//evil"'):
        assert markup not in mail.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in mail.html
    assert "$headline ${job_id}" in mail.html
    assert "&lt;b&gt;no&lt;/b&gt;; &lt;i&gt;r&lt;/i&gt;" in mail.html
    assert "<b>no</b>; <i>r</i>" in mail.text


def test_subject_is_one_line_when_the_prompt_brings_headers() -> None:
    prompt = "A cat\r\nBcc: all@example.com\r\n\r\nbody\x00\u202egnp.exe " + "long " * 100

    (mail,) = _World(job({"email": [ANN]}, prompt=prompt)).send()

    assert mail.subject.startswith("Your video is ready: A cat Bcc: all@example.com body gnp.exe")
    assert mail.subject.isprintable()
    assert len(mail.subject) <= 120
    assert mail.subject.endswith("…")


@pytest.mark.parametrize("address", ["a\x00b@example.com", "ünö@example.com", "a\x7f@example.com"])
def test_address_is_let_be_and_others_are_told_when_email_cannot_carry_it(address: str) -> None:
    world = _World(job({"email": [address, BEN]}))

    sent = world.send()

    assert [mail.to for mail in sent] == [(BEN,)]
    log = {sink: outcome for sink, _, outcome in outcomes(world.ledger)}
    assert log == {email_sink(address): "delivery_refused", email_sink(BEN): "delivered"}


def test_reason_and_hint_are_told_when_the_job_failed() -> None:
    error = JobError(
        code="blocked",
        message="The vendor's moderation withheld the result.",
        hint="Change the prompt.",
        reasons=["violence"],
    )
    failed = job({"email": [ANN]}, state=JobState.FAILED, error=error)
    world = _World(failed, EventType.JOB_FAILED)

    (mail,) = world.send()

    assert mail.subject.startswith("Your video could not be made: ")
    assert "The vendor's moderation withheld the result.; violence\nChange the prompt." in mail.text
    assert "Change the prompt." in mail.html
    assert "nothing" in mail.text
    assert world.linked == []
    assert mail.images == ()


@pytest.mark.parametrize(
    ("state", "type", "headline"),
    [
        (JobState.CANCELED, EventType.JOB_CANCELED, "Your job was canceled"),
        (JobState.EXPIRED, EventType.JOB_EXPIRED, "Your job ran out of time"),
    ],
)
def test_headline_says_how_it_ended_when_there_is_no_error(
    state: JobState, type: EventType, headline: str
) -> None:
    ended = job({"email": [ANN]}, state=state, charged=Charged.UNKNOWN, prompt="")

    (mail,) = _World(ended, type).send()

    assert mail.subject == headline
    assert "Cost: not known yet" in mail.text


def test_newest_asset_is_linked_when_it_came_late() -> None:
    late = job({"email": [ANN]}, state=JobState.EXPIRED, assets=["ast_other", ASSET_ID])
    world = _World(late, EventType.JOB_LATE_ASSET)

    (mail,) = world.send()

    assert mail.subject.startswith("A late result has arrived")
    assert world.linked == [(ASSET_ID, TENANT)]


def test_reason_and_link_are_both_told_when_a_failed_job_has_a_result() -> None:
    error = JobError(code="check_failed", message="The picture is black.")
    failed = job({"email": [ANN]}, state=JobState.FAILED, error=error, assets=[ASSET_ID])

    (mail,) = _World(failed, EventType.JOB_FAILED).send()

    assert f"The picture is black.\n\nDownload the video: {LINK}" in mail.text
    assert mail.html.index("The picture is black.") < mail.html.index("cid:poster")


@pytest.mark.parametrize("poster", [None, b"x" * (MAX_POSTER_BYTES + 1)])
def test_email_goes_without_picture_when_the_poster_is_missing_or_large(
    poster: bytes | None,
) -> None:
    world = _World()
    world.media.objects = {} if poster is None else dict.fromkeys(world.media.objects, poster)

    (mail,) = world.send()

    assert mail.images == ()
    assert "cid:" not in mail.html
    assert LINK in mail.text


def test_nothing_of_another_tenant_is_linked_when_an_asset_is_not_the_jobs() -> None:
    world = _World()
    world.ledger.put_asset(asset().model_copy(update={"tenant": "other"}))

    (mail,) = world.send()

    assert world.linked == []
    assert mail.images == ()


def test_each_address_gets_one_email_when_the_message_comes_twice() -> None:
    world = _World(job({"email": [ANN, BEN, ANN]}))

    world.send()
    world.send()

    assert sorted(mail.to for mail in world.mailer.sent) == [(ANN,), (BEN,)]
    assert len(world.linked) == 1


def test_only_the_failed_address_is_tried_again_when_another_got_its_email() -> None:
    world = _World(job({"email": [ANN, BEN]}))
    world.mailer.down = {ANN}
    with pytest.raises(StorageError):
        world.send()

    world.mailer.down = set()
    world.send()

    assert [mail.to for mail in world.mailer.sent] == [(BEN,), (ANN,)]
    assert sorted(outcomes(world.ledger)) == sorted(
        [
            (email_sink(ANN), 1, "storage_unavailable"),
            (email_sink(ANN), 2, "delivered"),
            (email_sink(BEN), 1, "delivered"),
        ]
    )


class _Dies(MemoryMailer):
    def send(self, *args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt


class _LosesEnds(InMemoryLedger):
    lost = True

    def record_delivery(self, delivery: Delivery) -> None:
        if self.lost:
            raise StorageError("The table did not answer.")
        super().record_delivery(delivery)


def test_try_is_repeated_after_its_lease_when_its_end_was_not_written() -> None:
    ledger = _LosesEnds()
    world = _World(ledger=ledger)
    with pytest.raises(StorageError):
        world.send()
    ledger.lost = False

    with pytest.raises(ConflictError):
        world.send()
    world.clock.advance(61)
    world.send()
    world.clock.advance(61)
    world.send()

    # At least once, and not for ever: one repeat for one lost write.
    assert len(world.mailer.sent) == 2
    assert [(n, outcome) for _, n, outcome in outcomes(world.ledger)] == [
        (1, "sending"),
        (2, "delivered"),
    ]


def test_log_says_error_and_not_delivered_when_the_try_dies() -> None:
    world = _World()
    world.mailer = _Dies()

    with pytest.raises(KeyboardInterrupt):
        world.send()

    assert [outcome for _, _, outcome in outcomes(world.ledger)] == ["error"]


class _SomebodyElseIsQuicker(InMemoryLedger):
    def begin_delivery(self, delivery: Delivery) -> bool:
        super().begin_delivery(delivery)
        return False


def test_nothing_is_sent_when_somebody_else_makes_the_same_try() -> None:
    world = _World(ledger=_SomebodyElseIsQuicker())

    with pytest.raises(ConflictError):
        world.send()

    assert world.mailer.sent == []


def test_log_does_not_hold_the_address() -> None:
    world = _World()

    world.send()

    assert "ann" not in repr(world.ledger.deliveries(JOB_ID)).lower()
    assert world.ledger.deliveries(JOB_ID)[0].at == world.clock.now()
    assert dt.timedelta(0) == dt.timedelta(
        milliseconds=world.ledger.deliveries(JOB_ID)[0].duration_ms
    )
