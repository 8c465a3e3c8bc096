"""Probe: facts, poster and digest of what was stored, or an attempt that ends as paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.assets import MediaFacts
from dailies.domain.attempts import AttemptState
from dailies.domain.catalogue import load_catalogue
from dailies.domain.errors import AssetError, ConfigurationError, StorageError
from dailies.domain.jobs import Charged
from dailies.domain.ports import Inspection
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.probe import ProbePorts, probe
from dailies.services.store import StorePorts, store
from tests.storage.doubles import (
    FrozenClock,
    MemoryMedia,
    OneProvider,
    ScriptedFetcher,
    Serve,
    an_mp4,
    fetching_ledger,
    plenty,
)

FACTS = MediaFacts(container="mp4", duration_s=5.0, width=1280, height=720, fps=24.0)


class ScriptedInspector:
    def __init__(self, answer: Inspection | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, int, str | None]] = []

    def inspect(self, key: str, size_bytes: int, *, sha256: str | None = None) -> Inspection:
        self.asked.append((key, size_bytes, sha256))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Scene:
    """A job whose file was stored just now."""

    def __init__(self, answer: Inspection | Exception) -> None:
        self.ledger, self.job = fetching_ledger()
        self.media = MemoryMedia()
        self.inspector = ScriptedInspector(answer)
        ports = StorePorts(
            ledger=self.ledger,
            clock=FrozenClock(),
            catalogue=load_catalogue(),
            providers=OneProvider(),
            fetcher=ScriptedFetcher([Serve(an_mp4(5000))]),
            media=self.media,
        )
        store(StepInput(job_id=self.job.job_id, run=1), ports, plenty)

    def run(self, *, run: int = 1) -> StepResult:
        ports = ProbePorts(
            ledger=self.ledger,
            clock=FrozenClock(),
            catalogue=load_catalogue(),
            media=self.media,
            inspector=self.inspector,
        )
        return probe(StepInput(job_id=self.job.job_id, run=run), ports)

    @property
    def attempt(self) -> Any:
        snapshot = self.ledger.snapshot(self.job.job_id)
        assert snapshot is not None
        return snapshot.current

    @property
    def asset(self) -> Any:
        return self.ledger.asset(self.attempt.asset_id)


def test_facts_poster_and_digest_are_recorded_when_the_file_decodes() -> None:
    scene = Scene(Inspection(FACTS, b"\xff\xd8\xffposter", "ab" * 32))

    assert scene.run().outcome is Outcome.SETTLE

    assert scene.asset.media == FACTS
    assert scene.asset.sha256 == "ab" * 32
    poster_key = f"posters/acme/{scene.job.job_id}/{scene.asset.asset_id}.jpg"
    assert scene.asset.poster_key == poster_key
    assert scene.media.objects[poster_key][:2] == (b"\xff\xd8\xffposter", "image/jpeg")
    assert scene.inspector.asked[0][1] == 5000


def test_asset_has_no_poster_when_there_is_none() -> None:
    scene = Scene(Inspection(FACTS, None, "ab" * 32))
    assert scene.run().outcome is Outcome.SETTLE
    assert scene.asset.poster_key is None


def test_file_is_not_decoded_again_when_the_step_is_repeated() -> None:
    scene = Scene(Inspection(FACTS, None, "ab" * 32))
    scene.run()
    assert scene.run().outcome is Outcome.SETTLE
    assert len(scene.inspector.asked) == 1


def test_attempt_fails_as_paid_when_the_file_cannot_be_decoded() -> None:
    scene = Scene(AssetError("undecodable", "The file cannot be decoded."))

    assert scene.run().outcome is Outcome.END

    assert scene.attempt.state is AttemptState.FAILED
    assert scene.attempt.failure.code == "result_undecodable"
    assert not scene.attempt.failure.may_fail_over
    job = scene.ledger.job(scene.job.job_id)
    assert job is not None
    assert (job.charged, job.cost_usd) == (Charged.YES, Decimal("0.42"))


def test_nothing_is_concluded_when_the_bucket_does_not_answer() -> None:
    scene = Scene(StorageError("no answer"))
    with pytest.raises(StorageError):
        scene.run()
    assert scene.attempt.state is AttemptState.STORED
    assert scene.asset.media is None


def test_step_does_nothing_when_another_run_owns_the_job() -> None:
    scene = Scene(Inspection(FACTS, None, "ab" * 32))
    assert scene.run(run=2).outcome is Outcome.SUPERSEDED
    assert scene.inspector.asked == []


def test_step_fails_loudly_when_the_asset_row_is_missing() -> None:
    scene = Scene(Inspection(FACTS, None, "ab" * 32))
    scene.ledger._assets.clear()
    with pytest.raises(ConfigurationError):
        scene.run()
