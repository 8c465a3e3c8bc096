"""On a GPU: end to end against the script's loop, and the net against the device's own limits."""

from __future__ import annotations

import json
from typing import Any

from bench.enhance.contest import NO_TORCH, TORCH_PYTHON, best_of, child, say
from bench.enhance.goals import Goal
from bench.enhance.machine import machine
from bench.enhance.material import SMALL, Material
from bench.enhance.peers import ENCODE, SR_CODED

_SPEED = "on the GPU, end to end over the script's loop"
_LIMIT = "on the GPU, Compact 64x16 at 720p over its roofline"


def gpu(material: Material, rounds: int) -> list[Goal]:
    """Measure, or say why not."""
    why = "no GPU here" if not machine().gpu else "" if TORCH_PYTHON.exists() else NO_TORCH
    if why:
        return [Goal(_SPEED, None, 5.0, note=why), Goal(_LIMIT, None, 0.6, note=why)]
    return [_end_to_end(material, rounds), _roofline()]


def _end_to_end(material: Material, rounds: int) -> Goal:
    size = [str(edge) for edge in SMALL]
    output = str(material.folder / "gpu.mp4")
    encoders: set[str] = set()

    def we() -> float:
        arguments = [str(material.small), output, "--stages", json.dumps(SR_CODED)]
        module = "bench.enhance.ours"
        told = child(module, "chunk", *arguments, "--device", "cuda", python=TORCH_PYTHON)
        encoders.add(f"{told['engine']}, {told['encoder']}: busy {told['busy_s']}")
        return told["frames"] / told["wall_s"]

    def they() -> float:
        arguments = [str(material.small), output, "--size", *size, "--frames", "200"]
        arguments += ["--encode", json.dumps(ENCODE), "--device", "cuda"]
        told = child("bench.enhance.script_loop", *arguments, python=TORCH_PYTHON)
        return told["frames"] / told["wall_s"]

    best = best_of({"ours": we, "script's loop": they}, rounds)
    return Goal(_SPEED, best["ours"] / best["script's loop"], 5.0, note="; ".join(encoders))


def _roofline() -> Goal:
    told: dict[str, Any] = child("bench.enhance.roofline", python=TORCH_PYTHON)
    say(
        f"    {told['tflops']:.0f} TFLOP/s, {told['gb_per_s']:.0f} GB/s: at most "
        f"{told['compute_fps']:.0f} fps by arithmetic, {told['memory_fps']:.0f} by memory"
    )
    limit = min(told["compute_fps"], told["memory_fps"])
    held = "arithmetic" if limit == told["compute_fps"] else "memory"
    return Goal(
        _LIMIT, told["fps"] / limit, 0.6, note=f"{told['fps']:.0f} fps; {held} is the bound"
    )
