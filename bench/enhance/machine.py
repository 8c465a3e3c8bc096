"""What this machine is: figures without it mean nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_BF16 = ("avx512_bf16", "amx_bf16", "bf16")
"""As Linux names them: on x86, and on Arm."""


@dataclass(frozen=True)
class Machine:
    """Processor, cores, and what it computes bf16 with."""

    cpu: str
    cores: int
    bf16: str
    """The instructions, or nothing: then bf16 is emulated and slower."""
    gpu: str
    """Of the first NVIDIA GPU, or nothing."""

    def __str__(self) -> str:
        half = f"bf16 in hardware ({self.bf16})" if self.bf16 else "no bf16 in hardware"
        return f"{self.cpu}, {self.cores} cores, {half}; {self.gpu or 'no GPU'}"


def machine() -> Machine:
    """Ask the system."""
    info = Path("/proc/cpuinfo")
    words = info.read_text() if info.exists() else ""
    flags = set(_field(words, "flags").split()) | set(_field(words, "Features").split())
    bf16 = ", ".join(flag for flag in _BF16 if flag in flags)
    name = _field(words, "model name") or "unknown CPU"
    return Machine(name, len(os.sched_getaffinity(0)), bf16, _gpu())


def _field(words: str, name: str) -> str:
    for line in words.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _gpu() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    ask = [program, "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=30)
    names = answer.stdout.splitlines() if answer.returncode == 0 else []
    return names[0].strip() if names else ""
