"""A job from plain options: what a person types instead of writing a spec."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from enhance.errors import BadInputError
from enhance.spec import JobSpec

_STAGES = ("deinterlace", "denoise", "scale", "height", "interpolate", "fps")
_CODING = ("codec", "container", "pixel_format", "quality", "preset")
_RUN = ("device", "precision", "chunk_s", "work", "model")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options, in the groups of `--help`."""
    files = parser.add_argument_group("instead of a spec: files")
    files.add_argument("--input", metavar="URI", help="the video: a path or s3://bucket/key")
    files.add_argument("--output", metavar="URI", help="the result; its suffix tells the container")
    files.add_argument(
        "--work",
        metavar="URI",
        help="folder or prefix for chunks and the report (default: a hidden folder beside the "
        "output, deleted at the end)",
    )
    stages = parser.add_argument_group("stages, in this order (default: --scale 2)")
    stages.add_argument(
        "--deinterlace",
        nargs="?",
        const="auto",
        choices=["auto", "always"],
        help="fields to frames",
    )
    stages.add_argument(
        "--denoise", nargs="?", const=1.0, type=float, metavar="0..1", help="remove artefacts"
    )
    stages.add_argument("--scale", type=int, metavar="2|3|4", help="enlarge by this factor")
    stages.add_argument("--height", type=int, metavar="PIXELS", help="enlarge to this height")
    stages.add_argument("--interpolate", type=int, metavar="2|3|4", help="so many times the frames")
    stages.add_argument("--fps", type=float, help="interpolate to this constant rate")
    stages.add_argument("--model", metavar="NAME", help="a shipped net, such as luma-x2-clean")
    coding = parser.add_argument_group("coding (default: as the source)")
    coding.add_argument("--codec", help="h264, hevc, av1 or prores")
    coding.add_argument("--container", help="mp4, mkv, mov or webm")
    coding.add_argument("--pixel-format", help="such as yuv420p or yuv420p10le")
    coding.add_argument("--quality", type=int, help="as the encoder counts it: CRF, or CQ")
    coding.add_argument("--preset", help="the encoder's word for its effort, such as veryfast")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", help="auto, cuda (fails where there is none) or cpu")
    machine.add_argument("--precision", help="auto, fp32, bf16 or fp16")
    machine.add_argument("--chunk-s", type=float, metavar="S", help="seconds of source per chunk")


def given(args: argparse.Namespace) -> list[str]:
    """Return which of the options are given, as they are written."""
    names = ("input", "output", *_STAGES, *_CODING, *_RUN)
    return [f"--{n.replace('_', '-')}" for n in names if getattr(args, n) is not None]


def default_work(args: argparse.Namespace) -> Path | None:
    """Return the folder that is used, and deleted, where none is named."""
    if args.work is not None or args.spec is not None or not args.output:
        return None
    if "://" in args.output:
        return None
    output = Path(args.output)
    return output.absolute().parent / f".{output.name}.enhance"


def spec(args: argparse.Namespace) -> JobSpec:
    """Build the spec.

    Raises:
        BadInputError: `bad_options`.
    """
    if not args.input or not args.output:
        raise BadInputError("bad_options", "Give --spec, or both --input and --output.")
    work = args.work or default_work(args)
    if work is None:
        raise BadInputError("bad_options", "Give --work too where the output is not a local file.")
    asked: dict[str, Any] = {
        "source": {"uri": args.input},
        "output": args.output,
        "work": str(work),
        "stages": _stages(args),
        **{n: getattr(args, n) for n in ("device", "precision", "chunk_s") if getattr(args, n)},
    }
    name = hashlib.sha256(f"{args.input}\n{args.output}".encode()).hexdigest()[:12]
    try:
        return JobSpec.model_validate({"task_id": f"local-{name}", **asked})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInputError("bad_options", f"{where}: {first['msg']}.") from error


def _stages(args: argparse.Namespace) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = []
    model = {"model": args.model} if args.model is not None else {}
    if args.deinterlace is not None:
        stages.append({"name": "deinterlace", "mode": args.deinterlace})
    if args.denoise is not None:
        stages.append({"name": "denoise", "strength": args.denoise})
    larger = {n: getattr(args, n) for n in ("scale", "height") if getattr(args, n) is not None}
    if larger:
        stages.append({"name": "sr", **larger, **model})
    more = {"factor": args.interpolate, "fps": args.fps}
    if any(value is not None for value in more.values()):
        stages.append({"name": "interpolate", **{k: v for k, v in more.items() if v is not None}})
    coding = {n: getattr(args, n) for n in _CODING if getattr(args, n) is not None}
    if not stages and not (set(coding) - {"container"}):
        stages.append({"name": "sr", **model})
    if model and not any(stage["name"] == "sr" for stage in stages):
        raise BadInputError("bad_options", "--model enlarges: give --scale or --height too.")
    if coding:
        stages.append({"name": "convert", **coding})
    return stages
