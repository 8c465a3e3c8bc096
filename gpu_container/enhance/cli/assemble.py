"""`python -m enhance assemble`."""

from __future__ import annotations

import argparse

from enhance import settings
from enhance.attempt import Attempt
from enhance.cli import job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--analyze",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure the result for the report (default: yes)",
    )
    job.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Join the chunks, publish, and report."""
    given = settings.read()
    spec = job.asked(args, given)
    return job.perform_and_tell(args, spec, given, job.Job(_step, analyze=args.analyze))


def _step(attempt: Attempt) -> None:
    from enhance.assembly import assemble

    assemble(attempt)
