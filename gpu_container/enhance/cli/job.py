"""What `plan`, `run`, `assemble` and `all` share: a job from the command line, and its one end."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from enhance.attempt import ReportNames, Step, perform
from enhance.cli import options
from enhance.errors import BadInputError
from enhance.exits import ExitCode
from enhance.interruption import Interruption, on_signals
from enhance.progress import Reporter
from enhance.report import Report, Timing, ending_of
from enhance.settings import Settings
from enhance.spec import JobSpec
from enhance.storage import MissingObjectError, StoreError
from enhance.storage.places import item, places, store


@dataclass(frozen=True, slots=True)
class Job:
    """A command's work: the step, and how it reports."""

    step: Step
    names: ReportNames = ReportNames()  # noqa: RUF009 (frozen)
    progress: str = "progress.json"
    analyze: bool = False
    alone: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what all four take."""
    parser.add_argument(
        "--spec",
        metavar="URI",
        help="job spec as JSON: a path or s3://bucket/key; also ENHANCE_SPEC",
    )
    parser.add_argument(
        "--json", action="store_true", help="JSON lines also on a terminal; elsewhere always"
    )
    options.add_arguments(parser)


def asked(args: argparse.Namespace, given: Settings) -> JobSpec:
    """Return the spec that the command line or the environment names.

    Raises:
        BadInputError: `spec_missing`, `bad_spec`, or options that do not go together.
    """
    plain = options.given(args)
    uri = args.spec or (None if plain else given.spec)
    if uri is None:
        return options.spec(args)
    if plain:
        raise BadInputError("bad_options", f"Either --spec or options, not both: {plain[0]}.")
    try:
        content = item(uri).read()
    except MissingObjectError as error:
        raise BadInputError("spec_missing", f"There is no spec at {uri}.") from error
    return _parsed(content)


def perform_and_tell(args: argparse.Namespace, spec: JobSpec, given: Settings, job: Job) -> int:
    """Do the job, tell how it ended, and return the exit status."""
    lines = args.json or not sys.stdout.isatty()
    interruption = Interruption()
    with on_signals(interruption):
        where = places(spec)
        reporter = Reporter(spec.task_id, lines=lines, store=where.work, name=job.progress)
        report = perform(
            job.step,
            spec,
            where,
            given,
            reporter,
            interruption,
            names=job.names,
            analyze=job.analyze,
            alone=job.alone,
        )
    _tell(report, lines)
    return report.exit_code


def _parsed(content: bytes) -> JobSpec:
    try:
        return JobSpec.model_validate_json(content)
    except ValidationError as error:
        refused = BadInputError("bad_spec", f"The spec is not usable: {_first(error)}")
        _report_refusal(content, refused)
        raise refused from error


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in found["loc"])
    return f"{where}: {found['msg']}." if where else f"{found['msg']}."


def _report_refusal(content: bytes, refused: BadInputError) -> None:
    """Write a report even so, where the spec says at least whose task it is and where it works."""
    try:
        raw: Any = json.loads(content)
        task_id, work = raw["task_id"], raw["work"]
        report = Report(
            task_id=str(task_id), **ending_of(refused), timing=Timing(wall_s=0, cpu_s=0)
        )
        store(cast("str", work)).put("report.json", report.model_dump_json(indent=1).encode())
    except (ValueError, TypeError, KeyError, AttributeError, BadInputError, StoreError):
        return


def _tell(report: Report, lines: bool) -> None:
    if lines:
        sys.stdout.write(report.model_dump_json() + "\n")
    else:
        sys.stdout.write("\n")
        for warning in report.warnings:
            sys.stdout.write(f"note: {warning}\n")
        if report.output is not None:
            sys.stdout.write(_summary(report))
    sys.stdout.flush()
    if report.exit is not ExitCode.OK:
        sys.stderr.write(f"{report.outcome} ({report.code}): {report.message}\n")


def _summary(report: Report) -> str:
    output, device = report.output, report.device
    if output is None:
        return ""
    on = f", on {device.name} ({device.engine}, {device.precision})" if device else ""
    return (
        f"{Path(output.uri).name}: {output.video_codec} {output.width}x{output.height}, "
        f"{output.frames} frames, {output.duration_s:.2f} s, "
        f"{output.size_bytes / 1e6:.1f} MB, in {report.timing.wall_s:.1f} s{on}\n"
    )
