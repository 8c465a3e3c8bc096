"""`python -m enhance probe`: the machine, or a video. Also the image's health command."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from enhance.errors import BadInputError
from enhance.exits import ExitCode
from enhance.storage import MissingObjectError
from enhance.storage.places import item


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("input", nargs="?", metavar="URI", help="a video; none: the machine")
    parser.add_argument("--device", default="auto", choices=["auto", "cuda", "cpu"])


def run(args: argparse.Namespace) -> int:
    """Print one JSON object.

    Raises:
        NoDeviceError: `--device cuda`, and there is none.
        BadInputError: the video is not usable.
    """
    found = _machine(args.device) if args.input is None else _video(args.input)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return ExitCode.OK


def _machine(device: str) -> dict[str, Any]:
    from enhance.engines import open_compute

    compute = open_compute(device, "auto")  # pyright: ignore[reportArgumentType]
    return {
        "device": compute.device,
        "name": compute.name,
        "engine": compute.engine,
        "precision": compute.precision,
        "notes": list(compute.notes),
    }


def _video(uri: str) -> dict[str, Any]:
    from enhance.media import open_source, scan
    from enhance.plan import facts

    try:
        media = item(uri).media()
    except MissingObjectError as error:
        raise BadInputError("source_missing", f"There is no file at {uri}.") from error
    index = scan(media)
    source = open_source(media, index)
    return {**facts(index), "notes": list(source.notes)}
