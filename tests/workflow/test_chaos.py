"""Every point at which a process can die by everything a vendor can do: `docs/chaos_matrix.md`."""

from __future__ import annotations

import random

import pytest

from tests.workflow import chaos
from tests.workflow.stories import Story

ALL = [story for stories in chaos.STORIES.values() for story in stories]
PAIRS_PER_STORY = 8
SEED = 20261121


def name(story: Story) -> str:
    return ": ".join(story.key)


@pytest.mark.parametrize("story", ALL, ids=name)
def test_job_ends_as_it_should_when_nothing_dies(story: Story) -> None:
    assert chaos.run(story) == story.ends


@pytest.mark.parametrize("story", ALL, ids=name)
def test_job_is_sound_at_its_end_when_a_process_dies_at_any_point(story: Story) -> None:
    rows = chaos.results(story.key)

    assert len(rows) >= 8


@pytest.mark.parametrize("story", ALL, ids=name)
def test_job_is_sound_at_its_end_when_processes_die_at_two_points(story: Story) -> None:
    draw = random.Random(f"{SEED} {name(story)}")
    every = list(chaos.cases(story))
    for _ in range(PAIRS_PER_STORY):
        chaos.run(story, *draw.sample(every, 2))


def test_page_holds_the_matrix_when_it_is_read() -> None:
    assert chaos.PAGE.read_text("utf-8") == chaos.page(), "python -m tests.workflow.chaos"
