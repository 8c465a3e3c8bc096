"""Machines that carry out tasks of enhancement, on a clock that moves only when told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dailies.domain.errors import AssetError
from dailies.domain.ports import ExecutionStatus
from enhance.exits import ExitCode
from enhance.report import Output, Report, Timing
from enhance.spec import JobSpec
from tests.fakes.time import ManualClock
from tests.storage.doubles import MemoryMedia, an_mp4

PLAYS = "ok partial_input bad_input no_device internal interrupted dies lies late_death".split()
"""How a task can end. `dies`: without a report. `lies`: its report tells of a file that is not
there. `late_death`: the execution fails, though the report says ok."""


class ExecutionAlreadyExists(Exception):
    """An execution of that name has ended, or has another input."""


@dataclass
class Nested:
    """One nested execution."""

    input: dict[str, Any]
    status: str = "RUNNING"


@dataclass
class Farm:
    """The Compute port, and the engine of the nested executions behind it."""

    clock: ManualClock
    media: MemoryMedia
    plays: list[str] = field(default_factory=lambda: ["ok"])
    """What happens to each task, in order; the last again and again. `never`: it does not end."""
    duration_s: float = 40.0
    stops_lost: bool = False
    executions: dict[str, Nested] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    on_end: Callable[[str], None] = lambda name: None
    """Told when an execution ends."""
    at: Callable[[str, str], None] = lambda phase, what: None
    """Told of each point at which somebody may die."""

    # ------------------------------------------------------------ the Compute port

    def status(self, task_id: str) -> ExecutionStatus:
        nested = self.executions.get(task_id)
        if nested is None:
            return ExecutionStatus.ABSENT
        running = nested.status == "RUNNING"
        return ExecutionStatus.RUNNING if running else ExecutionStatus.ENDED

    def stop(self, task_id: str, cause: str) -> None:
        self.stopped.append(task_id)
        if self.stops_lost:
            return
        nested = self.executions.get(task_id)
        if nested is not None and nested.status == "RUNNING":
            self._end(task_id, "ABORTED")

    # ------------------------------------------------------------ the engine

    def begin(self, name: str, event: Mapping[str, Any]) -> Nested:
        """Start an execution; one that runs with the same input is met again."""
        known = self.executions.get(name)
        if known is not None:
            if known.status != "RUNNING" or known.input != event:
                raise ExecutionAlreadyExists(name)
            return known
        play = self._next_play()
        nested = self.executions[name] = Nested(dict(event))
        if play != "never":
            self.clock.after(self.duration_s, partial(self._played, name, play))
        return nested

    def work(self, task: Mapping[str, Any]) -> bool:
        """Carry a task out at once, as another engine's nested execution; whether it lived."""
        self.clock.sleep(self.duration_s)
        return self._play(task, self._next_play())

    def _next_play(self) -> str:
        return self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]

    def _played(self, name: str, play: str) -> None:
        nested = self.executions[name]
        if nested.status == "RUNNING":
            self._end(name, "SUCCEEDED" if self._play(nested.input, play) else "FAILED")

    def _play(self, task: Mapping[str, Any], play: str) -> bool:
        if play != "dies":
            self._report(task, "ok" if play in {"lies", "late_death"} else play, play)
        return play not in {"dies", "interrupted", "late_death"}

    def _end(self, name: str, status: str) -> None:
        self.executions[name].status = status
        self.on_end(name)

    def spec(self, task: Mapping[str, Any]) -> JobSpec:
        """Return what a task was asked, as the container reads it."""
        return JobSpec.model_validate_json(self.media.objects[f"{task['prefix']}spec.json"][0])

    def _report(self, task: Mapping[str, Any], outcome: str, play: str) -> None:
        spec, code = self.spec(task), ExitCode[outcome.upper()]
        output = None
        if code in {ExitCode.OK, ExitCode.PARTIAL_INPUT}:
            output = _output(spec.output)
            key = spec.output.removeprefix(f"s3://{task['bucket']}/")
            if play != "lies":
                self.media.put(key, an_mp4(output.size_bytes), "video/mp4")
        report = Report(
            task_id=spec.task_id,
            outcome=outcome,  # pyright: ignore[reportArgumentType]
            exit_code=int(code),
            code="ok" if code is ExitCode.OK else outcome,
            message=f"It ended with {outcome}.",
            retryable=code.retryable,
            output=output,
            timing=Timing(wall_s=self.duration_s / 2, cpu_s=self.duration_s),
        )
        text = report.model_dump_json().encode()
        self.media.put(f"{task['prefix']}report.json", text, "application/json")


def _output(uri: str) -> Output:
    return Output(
        uri=uri,
        size_bytes=20_000,
        sha256="5" * 64,
        container="mp4",
        width=2560,
        height=1440,
        fps=24.0,
        frames=120,
        duration_s=5.0,
        video_codec="h264",
        pixel_format="yuv420p",
        audio_codec="aac",
    )


class MemoryTaskObjects:
    """What is read of the TaskObjects port, over a bucket in memory."""

    bucket = "media"

    def __init__(self, media: MemoryMedia) -> None:
        self._media = media

    def read_json(self, key: str) -> object | None:
        if key not in self._media.objects:
            return None
        try:
            return json.loads(self._media.objects[key][0])
        except ValueError as exc:
            raise AssetError("not_json", f"{key} is not JSON.") from exc

    def url(self, method: str, key: str, *, expires_s: int, once: bool) -> str:
        raise AssertionError("Nobody here hands out addresses.")
