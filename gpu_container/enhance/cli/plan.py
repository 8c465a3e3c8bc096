"""`python -m enhance plan`."""

from __future__ import annotations

import argparse

from enhance import settings
from enhance.attempt import Attempt, ReportNames
from enhance.cli import job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    job.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write `manifest.json` and `plan.json`; a report only where the job is refused."""
    given = settings.read()
    spec = job.asked(args, given)
    return job.perform_and_tell(args, spec, given, job.Job(_step, ReportNames(success=None)))


def _step(attempt: Attempt) -> None:
    from enhance.plan import plan

    plan(attempt)
