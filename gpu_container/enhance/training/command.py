"""`python -m enhance train`: train a net, measure it, write its file; or measure a file.

    python -m enhance train --model luma-x2-clean
    python -m enhance train --gate luma-x2-clean.safetensors

Progress and figures are JSON lines on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from enhance.errors import BadInputError, NoDeviceError
from enhance.exits import ExitCode
from enhance.training import gate, weights
from enhance.training.photos import HELD_OUT, photographs
from enhance.training.recipe import RECIPES, Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", choices=sorted(RECIPES), help="train this net")
    what.add_argument("--gate", type=Path, metavar="FILE", help="only measure this weights file")
    parser.add_argument("--output", type=Path, help="weights file to write (<model>.safetensors)")
    parser.add_argument("--seed", type=int, help="the same seed, machine and threads: the same net")
    parser.add_argument("--steps", type=int, help="instead of the recipe's number")
    parser.add_argument("--features", type=int, help="channels of the hidden layers")
    parser.add_argument("--depth", type=int, help="hidden layers: 32 features, 8 deep, for a GPU")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--checkpoint", type=Path, help="written on the way; if there, resumed")
    parser.add_argument("--metrics", type=Path, metavar="FILE", help="figures, as JSON")
    parser.add_argument("--no-gate", action="store_true", help="write the net unmeasured")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say.

    Raises:
        BadInputError: torch or the pictures are missing, the checkpoint is another recipe's,
            or (`gate_missed`) the net is not good enough; its file is written all the same.
        NoDeviceError: `--device cuda` without one.
    """
    if args.gate is None:
        file = _trained(_recipe(args), args)
        if args.no_gate:
            return ExitCode.OK
    else:
        file = args.gate
    arrays, header = _loaded(file)
    try:
        photos = [luma for _, luma in photographs(HELD_OUT)]
    except FileNotFoundError as exc:
        raise BadInputError("pictures_missing", str(exc)) from exc
    figures = gate.measure(gate.at_work(file), int(header["scale"]), photos)
    missed = [str(one) for one in gate.missed(header["variant"], figures)]
    if args.gate is None:
        measured = {f"gate.{name}": f"{value:.3f}" for name, value in figures.items()}
        weights.save(file, arrays, header | measured)
    _say({"gate": figures, "missed": missed})
    if args.metrics is not None:
        told = {"gate": figures, "missed": missed, "header": header}
        args.metrics.write_text(json.dumps(told, indent=2) + "\n")
    if missed:
        raise BadInputError("gate_missed", "; ".join(missed))
    return ExitCode.OK


def _recipe(args: argparse.Namespace) -> Recipe:
    given = {key: getattr(args, key) for key in ("seed", "steps", "features", "depth")}
    try:
        return replace(RECIPES[args.model], **{k: v for k, v in given.items() if v is not None})
    except ValueError as exc:
        raise BadInputError("bad_recipe", str(exc)) from exc


def _trained(recipe: Recipe, args: argparse.Namespace) -> Path:
    """Train, and write the file."""
    if find_spec("torch") is None:
        raise BadInputError("torch_missing", "training needs torch: `make install-torch`")
    import torch  # pyright: ignore[reportMissingImports]

    from enhance.training.loop import Training
    from enhance.training.pairs import corpus

    if args.device == "cuda" and not torch.cuda.is_available():
        raise NoDeviceError("no_cuda", "torch sees no CUDA device here; train with --device cpu")
    torch.set_num_threads(args.threads)
    try:
        training = Training(corpus(recipe), args.device)
        if args.checkpoint is not None and args.checkpoint.exists():
            training.resume(args.checkpoint)
    except FileNotFoundError as exc:
        raise BadInputError("pictures_missing", str(exc)) from exc
    except ValueError as exc:
        raise BadInputError("bad_checkpoint", str(exc)) from exc
    training.run(lambda progress: _say(asdict(progress)), args.checkpoint)
    origin = {"architecture": "luma", "trained": f"torch {torch.__version__} {args.device}"}
    header = recipe.record() | origin | {"threads": str(args.threads)}
    output = args.output or Path(f"{recipe.model}.safetensors")
    weights.save(output, training.weights, header)
    return output


def _loaded(file: Path) -> tuple[weights.Weights, dict[str, str]]:
    try:
        arrays, header = weights.load(file)
    except (OSError, SafetensorError) as exc:
        raise BadInputError("weights_unreadable", f"{file} cannot be read: {exc}") from exc
    if header.get("variant") not in gate.GOALS or "scale" not in header:
        raise BadInputError("weights_unknown", f"{file} does not say what was trained: no header")
    return arrays, header


def _say(line: dict[str, Any]) -> None:
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}
    sys.stdout.write(json.dumps(rounded) + "\n")
    sys.stdout.flush()
