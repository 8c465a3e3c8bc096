from __future__ import annotations

import io
import json
from pathlib import Path
from typing import get_args

import pytest

from enhance.errors import BadInputError, InterruptedRunError, NoDeviceError, OutOfMemoryError
from enhance.exits import ExitCode
from enhance.progress import Progress, Reporter
from enhance.report import Outcome, Report, Timing, ending_of
from enhance.storage.files import FileStore


def test_outcomes_are_the_exit_codes_names() -> None:
    assert set(get_args(Outcome)) == {code.outcome for code in ExitCode}


@pytest.mark.parametrize(
    ("error", "outcome", "status", "code", "retryable"),
    [
        (BadInputError("no_video", "m"), "bad_input", 4, "no_video", False),
        (NoDeviceError("cuda_missing", "m"), "no_device", 5, "cuda_missing", False),
        (OutOfMemoryError("smallest_tile", "m"), "out_of_memory", 6, "smallest_tile", False),
        (MemoryError(), "out_of_memory", 6, "out_of_memory", False),
        (InterruptedRunError("interrupted", "m"), "interrupted", 143, "interrupted", True),
        (ZeroDivisionError("x"), "internal", 70, "internal", False),
    ],
)
def test_error_has_one_ending(
    error: BaseException, outcome: str, status: int, code: str, retryable: bool
) -> None:
    report = Report(task_id="t", **ending_of(error), timing=Timing(wall_s=1, cpu_s=1))
    assert (report.outcome, report.exit_code, report.code) == (outcome, status, code)
    assert report.retryable is retryable
    assert Report.model_validate_json(report.model_dump_json()) == report


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(tmp_path: Path, clock: Clock, *, lines: bool = True) -> tuple[Reporter, io.StringIO]:
    out = io.StringIO()
    return Reporter("t", out=out, lines=lines, store=FileStore(tmp_path), clock=clock), out


def run_for(reporter: Reporter, clock: Clock, frames: int, fps: float) -> None:
    for frame in range(1, frames + 1):
        clock.now += 1 / fps
        reporter.at(frame, 0)


def test_lines_are_progress_and_the_last_one_is_stored(tmp_path: Path) -> None:
    clock = Clock()
    reporter, out = make(tmp_path, clock)
    reporter.begin("run", total=100, chunks=3)
    run_for(reporter, clock, 100, fps=8)
    lines = [Progress.model_validate_json(line) for line in out.getvalue().splitlines()]
    # one at the start, then one a second
    assert len(lines) == 13
    assert [line.fraction for line in lines] == sorted(line.fraction for line in lines)
    assert lines[5].fps == pytest.approx(8)
    assert lines[5].eta_s == pytest.approx((100 - lines[5].frame) / 8, abs=0.1)
    assert lines[-1].memory_mb is not None
    stored = Progress.model_validate_json((tmp_path / "progress.json").read_bytes())
    assert stored in lines
    assert stored.frame >= 50


def test_speed_is_that_of_the_last_seconds(tmp_path: Path) -> None:
    clock = Clock()
    reporter, _ = make(tmp_path, clock)
    reporter.begin("run", total=10_000)
    run_for(reporter, clock, 1000, fps=100)
    for frame in range(1001, 1100):
        clock.now += 1.0
        reporter.at(frame, 0)
    assert reporter.current().fps == pytest.approx(1, rel=0.05)


def test_stall_shows(tmp_path: Path) -> None:
    clock = Clock()
    reporter, out = make(tmp_path, clock)
    reporter.begin("run", total=100)
    run_for(reporter, clock, 10, fps=10)
    for _ in range(40):
        clock.now += 0.5
        reporter.at(10, 0)
    last = Progress.model_validate_json(out.getvalue().splitlines()[-1])
    assert last.fps is None
    assert last.eta_s is None


def test_frames_of_an_earlier_try_say_nothing_of_the_speed(tmp_path: Path) -> None:
    clock = Clock()
    reporter, _ = make(tmp_path, clock)
    reporter.begin("run", total=1000)
    reporter.skip(900)
    assert reporter.current().fraction > 0.8
    for frame in range(901, 931):
        clock.now += 1.0
        reporter.at(frame, 1)
    assert reporter.current().fps == pytest.approx(1, rel=0.05)


def test_fraction_never_goes_back(tmp_path: Path) -> None:
    reporter, out = make(tmp_path, Clock())
    reporter.begin("plan")
    reporter.begin("run", total=10)
    reporter.at(10, 0)
    reporter.tell()
    reporter.begin("assemble")
    reporter.begin("analyze", total=10)
    found = [json.loads(line)["fraction"] for line in out.getvalue().splitlines()]
    assert found == sorted(found)
    assert found[-1] < 1


def test_news_that_cannot_be_stored_stop_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "progress.json").mkdir()
    reporter, _ = make(tmp_path, Clock())
    reporter.begin("run", total=1)
    assert "Progress was not stored" in capsys.readouterr().err


def test_person_reads_one_line(tmp_path: Path) -> None:
    clock = Clock()
    reporter, out = make(tmp_path, clock, lines=False)
    reporter.device = "A fast processor"
    reporter.begin("run", total=1000, chunks=4)
    run_for(reporter, clock, 100, fps=8)
    last = out.getvalue().split("\r\x1b[K")[-1]
    assert last == (
        "run       10.2% · frame 96/1000 · chunk 1/4 · 8.0 fps · 1:53 left · A fast processor"
    )
