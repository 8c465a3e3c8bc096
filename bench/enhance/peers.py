"""The comparisons on a CPU, one function per row of the table."""

from __future__ import annotations

import json
from typing import Any

from bench.enhance.contest import NO_TORCH, TORCH_PYTHON, best_of, child, ffmpeg, say
from bench.enhance.goals import Goal
from bench.enhance.machine import machine
from bench.enhance.material import FRAMES, LARGE, RATE, SMALL, Material

_OURS = "bench.enhance.ours"
PRESET, QUALITY = "veryfast", 18
ENCODE = ["-c:v", "libx264", "-preset", PRESET, "-crf", str(QUALITY), "-g", str(4 * RATE)]
"""As our own chunks are coded: a keyframe every four seconds."""
_CONVERT = {"name": "convert", "codec": "h264", "preset": PRESET, "quality": QUALITY}
SR_CODED: list[dict[str, Any]] = [{"name": "sr", "scale": 2}, _CONVERT]
_SCRIPT_FRAMES = 100


def ours(what: str, source: Any, output: Any, stages: list[dict[str, Any]]) -> dict[str, Any]:
    """Run our side of a comparison."""
    return child(_OURS, what, str(source), str(output), "--stages", json.dumps(stages))


def _fps(told: dict[str, Any]) -> float:
    return told["frames"] / told["wall_s"]


def script(material: Material, rounds: int) -> list[Goal]:
    """End to end against the loop of Real-ESRGAN's video script."""
    half = bool(machine().bf16)
    goals = {
        "script's loop": 3.5 if half else 2.0,
        "script's loop, with malloc settings": 2.0 if half else 1.5,
    }
    if not TORCH_PYTHON.exists():
        return [Goal(f"end to end over the {k}", None, v, note=NO_TORCH) for k, v in goals.items()]

    def peer(malloc: bool) -> float:
        size = [str(edge) for edge in SMALL]
        output = str(material.folder / "script.mp4")
        arguments = [str(material.small), output, "--size", *size]
        arguments += ["--frames", str(_SCRIPT_FRAMES), "--encode", json.dumps(ENCODE)]
        module = "bench.enhance.script_loop"
        return _fps(child(module, *arguments, malloc=malloc, python=TORCH_PYTHON))

    names = list(goals)
    best = best_of(
        {
            "ours": lambda: _fps(ours("chunk", *_enlarged(material))),
            names[0]: lambda: peer(malloc=False),
            names[1]: lambda: peer(malloc=True),
        },
        rounds,
    )
    return [Goal(f"end to end over the {k}", best["ours"] / best[k], v) for k, v in goals.items()]


def _enlarged(material: Material) -> tuple[Any, Any, list[dict[str, Any]]]:
    return material.small, material.folder / "ours.mp4", SR_CODED


def models(material: Material, rounds: int) -> list[Goal]:
    """The net alone against OpenCV's and ONNX Runtime's."""
    del material
    half = bool(machine().bf16)
    asked = {"opencv": 3.0 if half else 2.0, "onnxruntime": 1.7 if half else 1.15}
    module = "bench.enhance.model_only"
    contestants = {"ours": lambda: float(child(module, "ours")["fps"])}
    for engine in asked:
        for malloc in (False, True):
            contestants[_named(engine, malloc)] = lambda engine=engine, malloc=malloc: float(
                child(module, engine, malloc=malloc)["fps"]
            )
    best = best_of(contestants, rounds)
    return [
        Goal(f"model only over {name}", best["ours"] / best[name], least)
        for engine, least in asked.items()
        for name in (_named(engine, malloc=False), _named(engine, malloc=True))
    ]


def _named(engine: str, malloc: bool) -> str:
    return f"{engine}, with malloc settings" if malloc else engine


def lanczos(material: Material, rounds: int) -> list[Goal]:
    """End to end against ffmpeg's scaler: speed, and what the net's pictures gain over it."""
    from enhance.analysis.reference import compare

    output = material.folder / "lanczos.mp4"
    scale = f"scale={LARGE[0]}:{LARGE[1]}:flags=lanczos"
    best = best_of(
        {
            "ours": lambda: _fps(ours("chunk", *_enlarged(material))),
            "lanczos": lambda: FRAMES / ffmpeg("-i", material.small, "-vf", scale, *ENCODE, output),
        },
        rounds,
    )
    mine = compare(material.folder / "ours.mp4", material.large)
    theirs = compare(output, material.large)
    say(f"    VMAF-NEG {mine.vmaf_neg:.2f} against {theirs.vmaf_neg:.2f}")
    gain = mine.vmaf_neg - theirs.vmaf_neg
    return [
        Goal("end to end over ffmpeg scale=lanczos", best["ours"] / best["lanczos"], 0.35),
        Goal("VMAF-NEG over ffmpeg scale=lanczos, crf 23", gain, 5.0, unit=""),
    ]


def bound(material: Material, rounds: int) -> list[Goal]:
    """Three threads against what decoding, the net and encoding take one after the other."""
    alone = {"decode": 0.0, "stages": 0.0, "encode": 0.0}

    def parts() -> float:
        told = ours("stages", *_enlarged(material))
        for name in alone:
            alone[name] = max(alone[name], told["frames"] / told[f"{name}_s"])
        return 1 / sum(1 / speed for speed in alone.values())

    best = best_of(
        {
            "ours": lambda: _fps(ours("chunk", *_enlarged(material))),
            "decode, net, encode one after the other": parts,
        },
        rounds,
    )
    say("    alone: " + ", ".join(f"{name} {speed:.0f}/s" for name, speed in alone.items()))
    sums = best["decode, net, encode one after the other"]
    return [Goal("end to end over the sum of its stages", best["ours"] / sums, 0.9)]


def through(material: Material, rounds: int) -> list[Goal]:
    """Decoding and encoding alone, against ffmpeg's program."""
    output = material.folder / "through.mp4"
    best = best_of(
        {
            "ours": lambda: _fps(ours("chunk", material.coded, output, [_CONVERT])),
            "ffmpeg": lambda: FRAMES / ffmpeg("-i", material.coded, *ENCODE, output),
        },
        rounds,
    )
    return [Goal("pass-through over ffmpeg", best["ours"] / best["ffmpeg"], 0.9)]


def memory(material: Material, rounds: int) -> list[Goal]:
    """Resident memory over 5,000 frames."""
    del rounds
    told = ours("memory", material.long, material.folder / "memory.mp4", SR_CODED)
    early, late = told["early_mb"], told["late_mb"]
    note = f"{told['frames']} frames: {early:.0f} MB, then {late:.0f} MB"
    say(f"    {note}")
    return [Goal("memory of the second fifth over the last's", early / late, 0.95, note=note)]
