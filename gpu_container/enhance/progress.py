"""How far a run is: one line now and then, for a person, a log and the workflow."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field

from enhance.storage import Store, StoreError

Step = Literal["plan", "run", "assemble", "analyze"]
_SHARE: dict[Step, tuple[float, float]] = {
    "plan": (0.0, 0.01),
    "run": (0.01, 0.97),
    "assemble": (0.97, 0.99),
    "analyze": (0.99, 1.0),
}
"""Where in the whole each step lies; nearly all of the time is the run's."""
STORE_EVERY_S = 5.0
_LINE_EVERY_S = 1.0
_WINDOW_S = 15.0
"""Speed is that of the last seconds: a mean since the start hides a stall."""


class Progress(BaseModel):
    """`progress.json`, and a line of standard output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    task_id: str
    step: Step
    chunk: int | None = None
    """Index of the chunk at work, from 0."""
    chunks: int | None = None
    frame: int = 0
    """Source frames done, of all that this process was given."""
    total: int | None = None
    fps: float | None = None
    eta_s: float | None = None
    """Of this step."""
    device: str | None = None
    memory_mb: int | None = None
    """Resident memory; on a GPU, what is reserved there."""
    fraction: float = Field(ge=0, le=1)
    """Of the whole, from 0 to 1; never goes back."""


class Reporter:
    """Counts, and tells from time to time. Called from one thread."""

    def __init__(
        self,
        task_id: str,
        *,
        out: TextIO | None = None,
        lines: bool = True,
        store: Store | None = None,
        name: str = "progress.json",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: lines: JSON lines, else one line for a person. name: of the stored object."""
        self._task_id = task_id
        self._out = out or sys.stdout
        self._lines = lines
        self._store = store
        self._name = name
        self._clock = clock
        self._step: Step = "plan"
        self._chunk: int | None = None
        self._chunks: int | None = None
        self._total: int | None = None
        self._frame = 0
        self._seen: deque[tuple[float, int]] = deque()
        self._told_at = self._stored_at = float("-inf")
        self._fraction = 0.0
        self.device: str | None = None
        self.memory_mb: Callable[[], int | None] = resident_mb

    def begin(self, step: Step, *, total: int | None = None, chunks: int | None = None) -> None:
        """Start a step of `total` frames."""
        self._step, self._total, self._frame = step, total, 0
        self._chunk, self._chunks = None, chunks if chunks is not None else self._chunks
        self._seen.clear()
        self._stored_at = float("-inf")
        self.tell()

    def at(self, frame: int, chunk: int | None = None) -> None:
        """Say how many frames are done; tells others when it is time."""
        self._frame, self._chunk = frame, chunk
        now = self._clock()
        self._seen.append((now, frame))
        while now - self._seen[0][0] > _WINDOW_S:
            self._seen.popleft()
        if now - self._told_at >= _LINE_EVERY_S:
            self.tell()

    def skip(self, frames: int) -> None:
        """Count frames that an earlier try has done: they say nothing about the speed."""
        self._frame += frames
        self._seen.clear()

    def tell(self) -> None:
        """Write the line now; the stored object at most every five seconds and at each step."""
        now = self._clock()
        line = self.current()
        self._told_at = now
        if self._lines:
            self._out.write(line.model_dump_json() + "\n")
        else:
            self._out.write("\r\x1b[K" + _for_people(line))
        self._out.flush()
        if self._store and now - self._stored_at >= STORE_EVERY_S:
            self._stored_at = now
            try:
                self._store.put(self._name, line.model_dump_json().encode())
            except StoreError as error:
                # the run is worth more than the news of it; results have their own error
                sys.stderr.write(f"Progress was not stored: {error}\n")

    def current(self) -> Progress:
        """Return the line."""
        fps = self._fps()
        left = (self._total - self._frame) if self._total is not None else None
        low, high = _SHARE[self._step]
        part = min(1.0, self._frame / self._total) if self._total else 0.0
        self._fraction = max(self._fraction, low + (high - low) * part)
        return Progress(
            task_id=self._task_id,
            step=self._step,
            chunk=self._chunk,
            chunks=self._chunks,
            frame=self._frame,
            total=self._total,
            fps=round(fps, 2) if fps else None,
            eta_s=round(left / fps, 1) if fps and left is not None else None,
            device=self.device,
            memory_mb=self.memory_mb(),
            fraction=round(self._fraction, 4),
        )

    def _fps(self) -> float | None:
        if len(self._seen) < 2:
            return None
        (start, first), (end, last) = self._seen[0], self._seen[-1]
        return (last - first) / (end - start) if end > start and last > first else None


def resident_mb() -> int | None:
    """Return this process's resident memory in MiB; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * 4096 >> 20


def reserved_mb() -> int | None:
    """Return what this process has reserved of the GPU's memory, in MiB."""
    torch = sys.modules.get("torch")
    return None if torch is None else torch.cuda.memory_reserved() >> 20


def _for_people(line: Progress) -> str:
    parts = [f"{line.step:<8} {line.fraction:6.1%}"]
    if line.total:
        parts.append(f"frame {line.frame}/{line.total}")
    if line.chunks and line.chunks > 1 and line.chunk is not None:
        parts.append(f"chunk {line.chunk + 1}/{line.chunks}")
    if line.fps:
        parts.append(f"{line.fps:.1f} fps")
    if line.eta_s is not None:
        minutes, seconds = divmod(round(line.eta_s), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    if line.device:
        parts.append(line.device)
    return " · ".join(parts)
