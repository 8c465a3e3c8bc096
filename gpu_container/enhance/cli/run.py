"""`python -m enhance run`."""

from __future__ import annotations

import argparse

from enhance import settings
from enhance.attempt import Attempt, ReportNames
from enhance.cli import job
from enhance.errors import BadInputError
from enhance.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--chunk", type=int, metavar="I", help="only this chunk, from 0")
    which.add_argument("--chunks", metavar="A-B", help="only these chunks, both included")
    job.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Enhance chunks: those named, an array child's share, or all."""
    given = settings.read()
    spec = job.asked(args, given)
    wanted = _named(args)
    child = given.array_index if wanted is None else None
    name = wanted[0] if wanted else child

    def step(attempt: Attempt) -> None:
        from enhance import run as running

        mine = wanted
        if child is not None:
            mine = share(len(running.planned(attempt).chunks), child, given)
        running.run(attempt, mine)

    if name is None:
        # all chunks: whoever started it reads the run's own report if it fails
        chosen = job.Job(step, ReportNames(success=None))
    else:
        report = f"reports/{name}.json"
        chosen = job.Job(step, ReportNames(report, report), progress=f"progress/{name}.json")
    return job.perform_and_tell(args, spec, given, chosen)


def share(chunks: int, child: int, given: Settings) -> list[int]:
    """Return the chunks of one child of an array: every n-th, so that any size does all."""
    size = given.array_size or max(chunks, child + 1)
    return list(range(child, chunks, size))


def _named(args: argparse.Namespace) -> list[int] | None:
    if args.chunk is not None:
        return [args.chunk]
    if args.chunks is None:
        return None
    first, dash, last = args.chunks.partition("-")
    if not (dash and first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise BadInputError("bad_options", f"--chunks {args.chunks}: two numbers, such as 0-3.")
    return list(range(int(first), int(last) + 1))
