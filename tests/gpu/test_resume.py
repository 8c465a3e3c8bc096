"""Killed at any moment, a run goes on where it was: at most one chunk is made twice."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from enhance.exits import ExitCode
from tests.gpu import clips
from tests.gpu.commands import Task, packets

KILLS = 4


@pytest.mark.parametrize("seed", [1, 2])
def test_result_is_packet_identical_when_the_run_was_killed(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    whole = Task(tmp_path / "whole", clips.plain(100))
    start = time.monotonic()
    assert whole.run("all").status == ExitCode.OK
    takes_s = time.monotonic() - start

    task = Task(tmp_path / "killed", whole.source)
    for _ in range(KILLS):
        before = task.done()
        with task.start("all") as process:
            try:
                process.wait(timeout=chance.uniform(0.2, 1.0) * takes_s)
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
        # nothing that was done is done again
        assert before.items() <= task.done().items()
    before = task.done()
    assert task.run("all").status == ExitCode.OK
    assert task.report()["chunks"]["reused"] == len(before)
    assert before.items() <= task.done().items()
    assert packets(task.output) == packets(whole.output)
