"""The last step, while it measures what it has joined."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from enhance import settings
from enhance.attempt import perform, whole
from enhance.exits import ExitCode
from enhance.interruption import Interruption
from enhance.progress import Reporter
from enhance.report import Report
from enhance.spec import JobSpec
from enhance.storage.places import places
from tests.gpu import clips
from tests.gpu.commands import Task


class StopsIn(Reporter):
    """Asks for a stop at the beginning of a step."""

    def __init__(self, step: str, interruption: Interruption, **more: Any) -> None:
        super().__init__("task", **more)
        self._wanted = step
        self._interruption = interruption

    def begin(self, step: Any, **more: Any) -> None:
        if step == self._wanted:
            self._interruption.request("a test")
        super().begin(step, **more)


def performed(task: Task, reporter: Reporter, interruption: Interruption) -> Report:
    spec = JobSpec.model_validate_json(task.spec().read_bytes())
    return perform(
        whole,
        spec,
        places(spec),
        settings.read(),
        reporter,
        interruption,
        analyze=True,
        alone=True,
    )


def test_stop_is_heard_while_the_result_is_measured(tmp_path: Path) -> None:
    task = Task(tmp_path / "task", clips.plain(12))
    interruption = Interruption()
    report = performed(task, StopsIn("analyze", interruption, out=io.StringIO()), interruption)
    assert report.exit is ExitCode.INTERRUPTED
    assert not task.output.exists()


def test_measuring_the_result_tells_how_far_it_is(tmp_path: Path) -> None:
    task = Task(tmp_path / "task", clips.plain(12))
    out = io.StringIO()
    times = iter(range(10_000))  # a second at every look at the clock
    reporter = Reporter("task", out=out, clock=lambda: next(times))
    assert performed(task, reporter, Interruption()).exit is ExitCode.OK
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert max(line["frame"] for line in lines if line["step"] == "analyze") == 12
