"""`python -m enhance all`."""

from __future__ import annotations

import argparse
import shutil

from enhance import settings
from enhance.attempt import whole
from enhance.cli import job, options
from enhance.exits import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--analyze",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="measure the result for the report (default: only with --spec)",
    )
    job.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, run and assemble; a default work folder goes once it is of no more use."""
    given = settings.read()
    spec = job.asked(args, given)
    plain = bool(options.given(args))
    analyze = args.analyze if args.analyze is not None else not plain
    status = job.perform_and_tell(args, spec, given, job.Job(whole, analyze=analyze, alone=True))
    folder = options.default_work(args) if plain else None
    # kept where the same command can go on from it
    if folder is not None and status not in (ExitCode.INTERRUPTED, ExitCode.INTERNAL):
        shutil.rmtree(folder, ignore_errors=True)
    return status
