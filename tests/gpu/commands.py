"""`python -m enhance` as its users run it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

_ROOT = Path(__file__).parents[2]


@dataclass
class Task:
    """A spec on disk, and the processes that work on it."""

    folder: Path
    source: Path | str
    stages: list[dict[str, Any]] = field(
        default_factory=lambda: [{"name": "convert", "codec": "h264", "preset": "ultrafast"}]
    )
    chunk_s: float | None = 0.2
    device: str = "cpu"
    suffix: str = ".mp4"
    places: dict[str, str] = field(default_factory=dict)
    """`output` and `work` as URIs, where they are no folders here."""

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def output(self) -> Path:
        return self.folder / f"out{self.suffix}"

    def spec(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "spec.json"
        spec = {
            "task_id": "task",
            "source": {"uri": str(self.source)},
            "output": str(self.output),
            "work": str(self.work),
            "stages": self.stages,
            "device": self.device,
            "chunk_s": self.chunk_s,
            **self.places,
        }
        path.write_text(json.dumps(spec))
        return path

    def start(self, command: str, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        return start(command, "--spec", str(self.spec()), *arguments, **more)

    def run(self, command: str, *arguments: str, **more: Any) -> Ended:
        return ended(self.start(command, *arguments, **more))

    def report(self) -> dict[str, Any]:
        return json.loads((self.work / "report.json").read_bytes())

    def done(self) -> dict[str, float]:
        """Names of the finished chunks, and when they were finished."""
        found = (self.work / "chunks").glob("*.json")
        return {path.name: path.stat().st_mtime for path in found}


def start(
    *arguments: str, env: dict[str, str] | None = None, **popen: Any
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "enhance", *arguments],
        env={**os.environ, "PYTHONPATH": str(_ROOT / "gpu_container"), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **popen,
    )


def ended(process: subprocess.Popen[bytes]) -> Ended:
    with process:
        out, err = process.communicate(timeout=120)
    return Ended(process.returncode, out.decode(), err.decode())


@dataclass
class Ended:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def packets(path: Path) -> list[tuple[int, int | None, int | None, bytes]]:
    """Return stream, times and bytes of every packet."""
    with av.open(str(path)) as container:
        return [
            (packet.stream_index, packet.pts, packet.dts, bytes(packet))
            for packet in container.demux()
            if packet.size
        ]


def video_pts(path: Path) -> list[float]:
    """Return the seconds at which the frames are shown."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]  # type: ignore[arg-type]
