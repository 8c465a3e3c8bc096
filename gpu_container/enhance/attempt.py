"""One try at a task: what its steps share, and the report that is written however it ends."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.errors import EnhanceError
from enhance.exits import ExitCode
from enhance.interruption import Interruption, SpotNotice
from enhance.progress import Reporter
from enhance.report import ChunkCount, Device, Output, Report, Timing, ending, ending_of
from enhance.scratch import scratch
from enhance.settings import Settings
from enhance.spec import Denoise, JobSpec, SuperResolution, Weights
from enhance.storage import StoreError
from enhance.storage.places import Places

if TYPE_CHECKING:
    from enhance.chain import Chain
    from enhance.engines import Compute


@dataclass
class Attempt:
    """Given to each step; a step adds what the report will say."""

    spec: JobSpec
    places: Places
    settings: Settings
    reporter: Reporter
    interruption: Interruption
    scratch: Path
    """A folder of this try alone, deleted at its end."""
    analyze: bool = False
    """Whether the result is measured before it is published."""
    alone: bool = False
    """Whether this process does all of the task itself: plan, run and assemble."""
    input: dict[str, Any] = field(default_factory=dict[str, Any])
    output: Output | None = None
    device: Device | None = None
    chunks: ChunkCount = field(default_factory=ChunkCount)
    elsewhere_s: float = 0.0
    """Seconds that other processes spent on the chunks that this one uses."""
    notes: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    damage: list[str] = field(default_factory=list[str])
    """What is missing of the source: any makes the outcome `partial_input`."""
    analysis: dict[str, Any] | None = None
    chain: Chain | None = None
    """Built by `plan` for its measure, and used again by `run` in the same process."""

    @cached_property
    def compute(self) -> Compute:
        """The device, opened once per process.

        Raises:
            NoDeviceError: the spec demands a GPU and there is none.
        """
        # the engines take a second to import
        from enhance.engines import open_compute

        nets = any(isinstance(step, SuperResolution | Denoise) for step in self.spec.stages)
        # finding out which precision is faster takes half a second, for nothing where no net runs
        return open_compute(self.spec.device, self.spec.precision if nets else "fp32")

    def weights(self, wanted: Weights) -> Path:
        """Return weights of one's own as a local file."""
        from enhance.chain import fetched

        return fetched(wanted, self.places.item, self.settings.cache)

    def warn(self, *notes: str) -> None:
        """Add warnings, each once."""
        self.warnings.extend(note for note in dict.fromkeys(notes) if note not in self.warnings)


Step = Callable[[Attempt], None]


@dataclass(frozen=True, slots=True)
class ReportNames:
    """Under which names the report is stored; None: not at all."""

    success: str | None = "report.json"
    failure: str | None = "report.json"


def perform(
    step: Step,
    spec: JobSpec,
    places: Places,
    settings: Settings,
    reporter: Reporter,
    interruption: Interruption,
    *,
    names: ReportNames = ReportNames(),
    analyze: bool = False,
    alone: bool = False,
) -> Report:
    """Run a step, and report. Never raises for what can go wrong in a run.

    Args:
        step: `plan`, `run`, `assemble`, or `whole`.
        spec: What is asked.
        places: Where things lie: `storage.places.places(spec)`, or a worker's own.
        settings: The machine's.
        reporter: Told how far the run is.
        interruption: Asked between frames.
        names: Of the stored report.
        analyze: Whether the result is measured.
        alone: Whether no other machine takes part.
    """
    began = time.monotonic(), time.process_time()
    attempt = Attempt(
        spec,
        places,
        settings,
        reporter,
        interruption,
        settings.scratch,
        analyze=analyze,
        alone=alone,
    )
    report = _report(attempt, _tried(step, attempt), began)
    name = names.success if report.exit in (ExitCode.OK, ExitCode.PARTIAL_INPUT) else names.failure
    return _stored(report, name, places)


def _tried(step: Step, attempt: Attempt) -> dict[str, Any]:
    """Run the step, and say how it ended."""
    settings = attempt.settings
    try:
        with (
            scratch(attempt.places.work, settings.scratch) as attempt.scratch,
            _spot_notices(settings, attempt.interruption),
        ):
            step(attempt)
    except Exception as error:
        told = ending_of(error)
        if told["exit_code"] == ExitCode.INTERNAL and not isinstance(error, StoreError):
            traceback.print_exc(file=sys.stderr)
        return told
    if attempt.damage:
        message = f"The source is damaged: {'; '.join(attempt.damage)}."
        return ending(ExitCode.PARTIAL_INPUT, "damaged_source", message)
    return ending(ExitCode.OK, "ok", "Done.")


def _report(attempt: Attempt, told: dict[str, Any], began: tuple[float, float]) -> Report:
    wall, cpu = began
    wall_s = time.monotonic() - wall
    return Report(
        task_id=attempt.spec.task_id,
        **told,
        input=attempt.input,
        output=attempt.output,
        device=attempt.device,
        timing=Timing(
            wall_s=round(wall_s, 3),
            cpu_s=round(time.process_time() - cpu, 3),
            machines_s=round(wall_s + attempt.elsewhere_s, 3),
        ),
        chunks=attempt.chunks,
        notes=attempt.notes,
        warnings=attempt.warnings,
        analysis=attempt.analysis,
    )


def whole(attempt: Attempt) -> None:
    """The step that is all of them: plan, run, assemble."""
    from enhance import assembly, plan, run

    plan.plan(attempt)
    run.run(attempt)
    assembly.assemble(attempt)


def _stored(report: Report, name: str | None, places: Places) -> Report:
    """Store the report; where that fails the run has failed, for nobody could know its end."""
    if name is None:
        return report
    try:
        places.work.put(name, report.model_dump_json(indent=1).encode())
    except EnhanceError as error:
        sys.stderr.write(f"The report was not stored: {error}\n")
        if report.exit in (ExitCode.OK, ExitCode.PARTIAL_INPUT):
            return report.model_copy(update=ending_of(error))
    return report


@contextlib.contextmanager
def _spot_notices(settings: Settings, interruption: Interruption) -> Iterator[None]:
    if not settings.spot:
        yield
        return
    with SpotNotice(
        interruption,
        endpoint=settings.metadata_service,
        warn=lambda text: sys.stderr.write(f"{text}\n"),
    ):
        yield
