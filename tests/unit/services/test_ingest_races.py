"""Duplicates, disorder and crashes: each version of an object starts at most one job."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dailies.domain.errors import ConflictError, StorageError
from tests.unit.services.inbox_stage import MODEL, PNG, PROMPT, ROOT, Stage

FILES: dict[str, bytes | str | dict[str, object]] = {
    "a/_defaults.json": {"prompt": "It is default"},
    "a/cat.png": PNG,
    "a/cat.png.json": {"prompt": "It clears up"},
    "a/story.txt": "A heron",
    "a/job.json": {
        "kind": "image_to_video",
        "prompt": "p",
        "image": {"key": f"{ROOT}a/first.png"},
    },
    "a/first.png": PNG,
}
STARTERS = 4
"""The pictures, the text and the body."""


class Crash(Exception):
    """The function died here."""


def versions_with_jobs(stage: Stage) -> list[tuple[str, str]]:
    """Return, for each job, the version that it was made for."""
    found = [stage.arrivals.of_job(job.job_id) for job in stage.jobs()]
    return [(a.key, a.version_id) for a in found if a is not None]


def settle(stage: Stage) -> None:
    """Let everything happen that still will."""
    for _ in range(4):
        stage.deliver_later()
        stage.sweep(after_s=61)
    for _ in range(3):  # a walk, the objects that it found, and their quarter of an hour
        stage.sweep(after_s=960)
        stage.sweep(after_s=61)


def assert_sound(stage: Stage) -> None:
    """See that no version has two jobs, none is forgotten, and the money adds up."""
    started = versions_with_jobs(stage)
    assert len(started) == len(stage.jobs()) == len(set(started))
    for row in stage.arrivals.rows.values():
        assert row.state.value not in {"waiting", "starting"}
        assert (row.state.value == "started") is ((row.key, row.version_id) in started)
    estimates = sum(job.estimate_usd for job in stage.jobs())
    assert stage.spent() == str(estimates)
    notes = [k for k in stage.folder.objects if k.endswith(".job.json")]
    assert len(notes) == len(started)


@settings(max_examples=150, deadline=None)
@given(
    uploads=st.lists(st.sampled_from(sorted(FILES)), min_size=1, max_size=8),
    deliveries=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 12)), max_size=20),
)
def test_each_version_starts_one_job_at_most_when_events_come_anyhow(
    uploads: list[str], deliveries: list[tuple[int, int]]
) -> None:
    stage = Stage(daily_cap_usd="1000")
    stage.put("_defaults.json", MODEL)
    told = [stage.drop(path, FILES[path]) for path in uploads]

    for number, pause_s in deliveries:
        stage.tell(told[number % len(told)])
        stage.clock.advance(pause_s)
        if pause_s == 7:
            stage.deliver_later()
        if pause_s == 11:
            stage.sweep()
    settle(stage)

    assert_sound(stage)
    for one in told:  # lost events too: the walk through the inbox has found them
        assert stage.state(one) != "none"


def test_each_upload_starts_its_job_when_the_same_name_is_uploaded_again() -> None:
    stage = Stage()
    stage.put("_defaults.json", PROMPT)
    first, second = stage.drop("cat.png"), stage.drop("cat.png")
    stage.tell(second, first, second, first)
    stage.deliver_later()

    assert sorted(versions_with_jobs(stage)) == sorted([first, second])


def crash_at(number: int) -> Callable[[str, str], None]:
    """Return an interrupt that dies at the n-th chance, once."""
    seen = 0

    def interrupt(phase: str, write: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Crash(f"{phase} {write}")

    return interrupt


@pytest.mark.parametrize("path", ["a/cat.png", "a/story.txt", "a/job.json", "a/bad.png"])
def test_nothing_is_lost_or_doubled_when_the_function_dies_anywhere(path: str) -> None:
    crashed_at: list[str] = []
    for number in range(1, 60):
        stage = Stage()
        stage.put("_defaults.json", MODEL)
        for name, content in FILES.items():
            if name != path:
                stage.drop(name, content)
        told = stage.drop(path, FILES.get(path, b"PK\x03\x04"))
        stage.interrupt(crash_at(number))
        try:
            stage.tell(told)
        except Crash as crash:
            crashed_at.append(str(crash))
        stage.interrupt(lambda phase, write: None)
        if len(crashed_at) < number:
            break

        stage.clock.advance(180)
        stage.tell(told)  # the queue's visibility has ended
        settle(stage)

        assert_sound(stage)
        if path == "a/bad.png":
            assert (stage.state(told), len(stage.problems())) == ("refused", 1)
        else:
            assert stage.state(told) == "started"
    assert len(crashed_at) >= (3 if path == "a/bad.png" else 8)
    assert all(one != other for one, other in pairwise(crashed_at))


@pytest.mark.parametrize("path", ["a/cat.png", "a/story.txt", "a/job.json"])
def test_sweeper_finishes_what_was_decided_when_the_event_never_returns(path: str) -> None:
    for number in range(1, 40):
        stage = Stage()
        stage.put("_defaults.json", MODEL)
        for name, content in FILES.items():
            stage.drop(name, content)
        told = (ROOT + path, stage.folder.objects[ROOT + path][-1].version_id)
        stage.interrupt(crash_at(number))
        try:
            stage.tell(told)
            return
        except Crash:
            stage.interrupt(lambda phase, write: None)
        stage.clock.advance(180)
        settle(stage)

        assert_sound(stage)
        assert stage.state(told) == "started"


def test_event_comes_again_when_a_store_does_not_answer() -> None:
    stage = Stage()
    stage.put("_defaults.json", MODEL)
    told = stage.drop("story.txt", "A heron")

    def silent(phase: str, write: str) -> None:
        raise StorageError("no answer")

    stage.interrupt(silent)
    with pytest.raises(StorageError):
        stage.tell(told)
    stage.interrupt(lambda phase, write: None)
    stage.tell(told)

    assert len(stage.jobs()) == 1


def test_loser_goes_on_with_the_winners_job_when_two_begin_at_once() -> None:
    stage = Stage()
    stage.put("_defaults.json", MODEL)
    told = stage.drop("story.txt", "A heron")
    nested = False

    def race(phase: str, write: str) -> None:
        nonlocal nested
        if (phase, write) == ("before", "begin") and not nested:
            nested = True
            stage.tell(told)

    stage.interrupt(race)
    stage.tell(told)

    assert len(stage.jobs()) == 1
    assert_sound(stage)


def test_event_is_given_back_when_others_keep_writing() -> None:
    stage = Stage()
    stage.put("_defaults.json", MODEL)
    told = stage.drop("story.txt", "A heron")

    def contend(phase: str, write: str) -> None:
        if (phase, write) == ("before", "begin"):
            raise ConflictError("again")

    stage.interrupt(contend)
    with pytest.raises(ConflictError):
        stage.tell(told)


@pytest.mark.parametrize("path", ["a/cat.png", "a/story.txt", "a/job.json", "a/cat.png.json"])
def test_one_job_starts_when_a_duplicate_overtakes_at_any_write(path: str) -> None:
    """Between each pair of writes of one delivery, everything else is delivered as a whole."""
    for number in range(1, 60):
        stage = Stage()
        stage.put("_defaults.json", MODEL)
        told = {name: stage.drop(name, content) for name, content in FILES.items()}
        seen = 0

        def overtake(
            phase: str,
            write: str,
            stage: Stage = stage,
            told: dict[str, tuple[str, str]] = told,
            number: int = number,
        ) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                stage.tell(*told.values())

        stage.interrupt(overtake)
        stage.tell(told[path])
        stage.interrupt(lambda phase, write: None)
        stage.tell(*told.values())
        settle(stage)

        assert_sound(stage)
        # The picture that the body points at has no job of its own.
        assert len(stage.jobs()) in {3, 4}
        if seen < number:
            break
    assert seen >= 4
