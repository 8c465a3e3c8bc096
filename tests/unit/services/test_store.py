"""Store: bytes arrive whole or not at all, and money that was spent is written down."""

from __future__ import annotations

import base64
import hashlib
from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.assets import PartialUpload, StoredPart
from dailies.domain.attempts import AttemptState
from dailies.domain.catalogue import load_catalogue
from dailies.domain.errors import AssetError, FetchBrokenError, FetchRefusedError, StorageError
from dailies.domain.jobs import Charged, Stage
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.store import MAX_FETCHES, StorePorts, store
from dailies.services.transfer import MAX_BYTES, PART_BYTES
from tests.storage.doubles import (
    MIB,
    NOW,
    FrozenClock,
    MemoryMedia,
    OneProvider,
    ScriptedFetcher,
    Serve,
    an_mp4,
    fetching_ledger,
    plenty,
    running_out_after,
)

BIG = an_mp4(20 * MIB + 123)
SMALL = an_mp4(300_000)


class Scene:
    """One job being fetched from a scripted source."""

    def __init__(self, *script: Serve | Exception, **attempt: Any) -> None:
        self.ledger, self.job = fetching_ledger(**attempt)
        self.media = MemoryMedia()
        self.fetcher = ScriptedFetcher(list(script))
        self.providers = OneProvider()

    def run(self, remaining_s: Any = plenty, *, run: int = 1) -> StepResult:
        ports = StorePorts(
            ledger=self.ledger,
            providers=self.providers,
            catalogue=load_catalogue(),
            fetcher=self.fetcher,
            media=self.media,
            clock=FrozenClock(),
        )
        return store(StepInput(job_id=self.job.job_id, run=run), ports, remaining_s)

    @property
    def attempt(self) -> Any:
        snapshot = self.ledger.snapshot(self.job.job_id)
        assert snapshot is not None
        return snapshot.current

    @property
    def asset(self) -> Any:
        return self.ledger.asset(self.attempt.asset_id)

    def stored_bytes(self) -> bytes:
        return self.media.objects[self.asset.key][0]


def composite(data: bytes) -> str:
    parts = [data[i : i + PART_BYTES] for i in range(0, len(data), PART_BYTES)]
    whole = hashlib.sha256(b"".join(hashlib.sha256(p).digest() for p in parts)).digest()
    return f"{base64.b64encode(whole).decode()}-{len(parts)}"


@pytest.mark.parametrize(
    "size", [32, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, len(BIG)]
)
def test_file_is_stored_with_both_digests_when_nothing_goes_wrong(size: int) -> None:
    data = an_mp4(size)
    scene = Scene(Serve(data, chunk=65_537))

    result = scene.run()

    assert result.outcome is Outcome.PROBE
    assert scene.stored_bytes() == data
    assert scene.asset.size_bytes == size
    assert scene.asset.sha256 == hashlib.sha256(data).hexdigest()
    assert scene.asset.sha256_composite == composite(data)
    assert scene.asset.key == (f"outputs/acme/{scene.job.job_id}/{scene.asset.asset_id}.mp4")
    assert scene.attempt.state is AttemptState.STORED
    assert scene.attempt.upload is None
    assert scene.media.uploads == {}
    job = scene.ledger.job(scene.job.job_id)
    assert job is not None
    assert job.stage is Stage.CHECKING


def test_vendors_hosts_are_the_only_ones_allowed_when_fetching() -> None:
    scene = Scene(Serve(SMALL))
    scene.run()
    assert scene.fetcher.opened[0][3] == tuple(load_catalogue().vendor("kling").download_hosts)


def test_download_goes_on_where_it_broke_when_the_source_has_ranges() -> None:
    broken_at = PART_BYTES + 3 * MIB
    scene = Scene(Serve(BIG, breaks_at=broken_at), Serve(BIG))

    scene.run()

    assert scene.stored_bytes() == BIG
    assert scene.asset.sha256 == hashlib.sha256(BIG).hexdigest()
    assert [o[1:3] for o in scene.fetcher.opened] == [(0, None), (broken_at, '"v1"')]
    assert scene.providers.downloads == 2  # a fresh credential for each request
    assert scene.attempt.fetches == 1


@pytest.mark.parametrize(
    "second",
    [Serve(BIG, ranges=False), Serve(BIG, validator='"v2"')],
    ids=["no ranges", "file changed"],
)
def test_download_begins_anew_when_the_source_does_not_honour_the_range(second: Serve) -> None:
    stale = b"\0" * len(BIG)
    scene = Scene(Serve(BIG[:32] + stale[32:], breaks_at=PART_BYTES + MIB), second)

    scene.run()

    assert scene.stored_bytes() == BIG
    assert scene.asset.sha256 == hashlib.sha256(BIG).hexdigest()
    assert scene.attempt.fetches == 2


def test_no_range_is_asked_for_when_nothing_proves_that_the_file_is_the_same() -> None:
    scene = Scene(Serve(BIG, breaks_at=MIB, validator=None), Serve(BIG, validator=None))
    scene.run()
    assert [o[1] for o in scene.fetcher.opened] == [0, 0]
    assert scene.stored_bytes() == BIG


def test_progress_is_kept_and_the_step_retried_when_the_source_keeps_breaking() -> None:
    at = PART_BYTES + MIB
    scene = Scene(Serve(BIG, breaks_at=at), FetchBrokenError("refused"))

    with pytest.raises(FetchBrokenError):
        scene.run()

    assert scene.attempt.state is AttemptState.FETCHING
    assert scene.attempt.upload.position == PART_BYTES
    scene.fetcher.script = [Serve(BIG)]
    assert scene.run().outcome is Outcome.PROBE
    assert scene.fetcher.opened[-1][1:3] == (PART_BYTES, '"v1"')
    assert scene.stored_bytes() == BIG


def test_attempt_fails_as_paid_when_a_source_without_ranges_never_gets_through() -> None:
    scene = Scene(Serve(BIG, breaks_at=2 * MIB, ranges=False, validator=None))

    outcomes = []
    for _ in range(4):
        try:
            outcomes.append(scene.run().outcome)
            break
        except FetchBrokenError:
            outcomes.append(None)

    assert outcomes == [None, None, Outcome.END]
    assert len(scene.fetcher.opened) == 11
    assert scene.attempt.state is AttemptState.FAILED
    assert scene.attempt.failure.code == "result_broken"
    assert scene.media.uploads == {}


def test_invocations_hand_over_until_done_when_time_runs_short() -> None:
    scene = Scene(Serve(BIG))

    first = scene.run(running_out_after(9))
    assert first.outcome is Outcome.STORE
    assert scene.attempt.upload.position == PART_BYTES
    assert scene.attempt.upload.validator == '"v1"'
    second = scene.run(running_out_after(9))
    assert second.outcome is Outcome.STORE
    assert scene.attempt.upload.position == 2 * PART_BYTES
    last = scene.run()

    assert last.outcome is Outcome.PROBE
    assert scene.stored_bytes() == BIG
    assert scene.media.begun == 1
    assert scene.asset.sha256 is None  # nobody saw all of it
    assert scene.asset.sha256_composite == composite(BIG)


def test_upload_begins_anew_when_the_handed_over_one_is_gone() -> None:
    scene = Scene(Serve(BIG))
    scene.run(running_out_after(9))
    scene.media.uploads.clear()

    with pytest.raises(StorageError):
        scene.run()
    assert scene.run().outcome is Outcome.PROBE
    assert scene.stored_bytes() == BIG


def test_attempt_fails_as_paid_when_the_source_drips_for_ever() -> None:
    scene = Scene(Serve(BIG, chunk=1000))
    outcomes = [scene.run(running_out_after(2)).outcome for _ in range(6)]
    assert outcomes == [*[Outcome.STORE] * 5, Outcome.END]
    assert scene.attempt.failure.code == "result_broken"


def test_tries_are_not_used_up_when_it_is_the_bucket_that_fails() -> None:
    scene = Scene(Serve(SMALL))
    put_part = scene.media.put_part

    def failing(*_: Any) -> Any:
        raise StorageError("no answer")

    scene.media.put_part = failing  # type: ignore[method-assign]
    for _ in range(2 * MAX_FETCHES):
        with pytest.raises(StorageError):
            scene.run()
    scene.media.put_part = put_part  # type: ignore[method-assign]

    assert scene.run().outcome is Outcome.PROBE
    assert scene.stored_bytes() == SMALL


def test_progress_is_kept_when_the_bucket_fails_half_way() -> None:
    scene = Scene(Serve(BIG))
    put_part = scene.media.put_part

    def failing(key: str, upload_id: str, number: int, data: Any) -> Any:
        if number == 2:
            raise StorageError("no answer")
        return put_part(key, upload_id, number, data)

    scene.media.put_part = failing  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        scene.run()
    assert scene.attempt.upload.position == PART_BYTES
    scene.media.put_part = put_part  # type: ignore[method-assign]
    assert scene.run().outcome is Outcome.PROBE
    assert scene.stored_bytes() == BIG


def test_largest_upload_under_way_fits_into_a_row_of_the_ledger() -> None:
    part = StoredPart(number=2400, size_bytes=PART_BYTES, etag=f'"{"0" * 32}"', sha256="A" * 44)
    upload = PartialUpload(
        key="outputs/" + "k" * 100,
        upload_id="u" * 200,
        parts=[part] * (MAX_BYTES // PART_BYTES + 1),
        started_at=NOW,
    )
    assert len(upload.model_dump_json()) < 380_000  # an item may have 400 KB


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_poll_brings_a_fresh_address_when_the_file_is_gone(status: int) -> None:
    scene = Scene(FetchRefusedError("no", status=status))
    result = scene.run()
    assert result.outcome is Outcome.POLL
    assert scene.attempt.state is AttemptState.GENERATING
    assert scene.attempt.fetches == 1


def test_upload_is_kept_when_the_address_expires_half_way() -> None:
    gone = FetchRefusedError("no", status=403)
    scene = Scene(Serve(BIG, breaks_at=PART_BYTES + MIB), gone)
    assert scene.run().outcome is Outcome.POLL
    assert scene.attempt.upload.position == PART_BYTES


def test_attempt_fails_as_paid_when_the_file_stays_gone() -> None:
    scene = Scene(FetchRefusedError("no", status=404), fetches=MAX_FETCHES - 1)

    assert scene.run().outcome is Outcome.END

    job = scene.ledger.job(scene.job.job_id)
    assert job is not None
    assert job.charged is Charged.YES
    assert job.cost_usd == Decimal("0.42")
    assert scene.attempt.failure.code == "result_expired"
    assert not scene.attempt.failure.may_fail_over
    assert scene.attempt.charge.amount_usd == Decimal("0.42")


def test_attempt_fails_at_once_when_nobody_can_be_polled_for_a_fresh_address() -> None:
    scene = Scene(FetchRefusedError("no", status=404), handle=None)
    assert scene.run().outcome is Outcome.END
    assert scene.attempt.failure.code == "result_expired"


def test_attempt_fails_when_the_address_is_not_allowed() -> None:
    scene = Scene(FetchRefusedError("10.0.0.1 is not on the public internet."))
    assert scene.run().outcome is Outcome.END
    assert scene.attempt.failure.code == "result_refused"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Serve(b"<html><body>Sign in</body></html>"), "result_wrong_type"),
        (Serve(b"\x1aE\xdf\xa3" + b"\0" * 100), "result_wrong_type"),
        (Serve(b"\0" * (9 * MIB)), "result_wrong_type"),
        (Serve(b""), "result_empty"),
        (Serve(SMALL, total=len(SMALL) + 1), "result_truncated"),
        (Serve(BIG, total=len(BIG) + 1), "result_truncated"),
        (Serve(SMALL, total=21 * 1000**3), "result_too_big"),
        (AssetError("missing", "no video"), "result_missing"),
    ],
)
def test_useless_file_is_fetched_again_then_given_up_when_it_stays_useless(
    answer: Serve | Exception, code: str
) -> None:
    scene = Scene(answer)
    assert scene.run().outcome is Outcome.POLL
    assert scene.media.objects == {}
    assert scene.media.uploads == {}

    last = Scene(answer, fetches=MAX_FETCHES - 1)
    assert last.run().outcome is Outcome.END
    assert last.attempt.failure.code == code
    assert last.media.objects == {}


def test_object_is_taken_as_it_is_when_the_invocation_died_before_telling_the_ledger() -> None:
    scene = Scene(Serve(BIG))

    def die(phase: str, write: str) -> None:
        if (phase, write) == ("before", "apply"):
            raise StorageError("no answer")

    scene.ledger.interrupt = die
    with pytest.raises(StorageError):
        scene.run()
    scene.ledger.interrupt = lambda phase, write: None
    opened = len(scene.fetcher.opened)

    assert scene.run().outcome is Outcome.PROBE
    assert len(scene.fetcher.opened) == opened
    assert scene.asset.sha256_composite == composite(BIG)
    assert scene.asset.size_bytes == len(BIG)
    assert len(scene.media.objects) == 1


def test_second_invocation_changes_nothing_when_two_are_alive() -> None:
    scene = Scene(Serve(BIG))
    other_done: list[StepResult] = []

    def race(phase: str, write: str) -> None:
        if (phase, write) == ("before", "apply") and not other_done:
            scene.ledger.interrupt = lambda phase, write: None
            other_done.append(scene.run())

    scene.ledger.interrupt = race
    result = scene.run()

    assert result.outcome is other_done[0].outcome is Outcome.PROBE
    assert scene.stored_bytes() == BIG
    assert scene.attempt.state is AttemptState.STORED


def test_loser_takes_the_winners_object_when_the_source_sends_each_something_else() -> None:
    other = an_mp4(MIB)
    scene = Scene(Serve(SMALL))
    key = None

    def win_first(key_: str, upload_id: str, parts: Any) -> str:
        nonlocal key
        key = key_
        scene.media.objects[key_] = (other, "video/mp4", composite(other))
        return MemoryMedia.complete(scene.media, key_, upload_id, parts)

    scene.media.complete = win_first  # type: ignore[method-assign]
    scene.run()

    assert scene.asset.size_bytes == len(other)
    assert scene.asset.sha256_composite == composite(other)
    assert scene.asset.sha256 is None


def test_nothing_is_done_when_another_run_owns_the_job() -> None:
    scene = Scene(Serve(SMALL))
    assert scene.run(run=7).outcome is Outcome.SUPERSEDED
    assert scene.fetcher.opened == []


def test_step_goes_on_when_it_is_repeated_after_it_was_done() -> None:
    scene = Scene(Serve(SMALL))
    scene.run()
    assert scene.run().outcome is Outcome.PROBE
    assert len(scene.fetcher.opened) == 1
