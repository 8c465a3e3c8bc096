"""The demo's jobs, and their progress as a person likes to watch it."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from local.demo.errors import DemoError
from local.twin.api import ENDED, Api

EMAIL = "producer@example.org"
_TIMEOUT_S = 180.0
_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Shot:
    """One job of the demo."""

    name: str
    model: str
    prompt: str

    def body(self, webhook_url: str) -> dict[str, Any]:
        """Return the request that creates the job."""
        return {
            "kind": "text_to_video",
            "model": self.model,
            "prompt": self.prompt,
            "notify": {"webhook": {"url": webhook_url}, "email": [EMAIL], "sns": True},
            "metadata": {"shot": self.name},
        }


SHOTS = (
    Shot("lighthouse", "kling/kling-3.0-turbo", "A lighthouse in a storm at dusk, waves breaking"),
    Shot(
        "market", "google/veo-3.1-fast-generate-001", "A night market in the rain, neon, slow pan"
    ),
)
"""One vendor that calls back, and one that is polled."""


def watch(api: Api, jobs: dict[str, str], speed: float, console: Console) -> dict[str, Any]:
    """Show the jobs, given as ids by name, until all have ended; return them by name.

    Raises:
        DemoError: a job did not end in time, or ended without a video.
    """
    board = _Board(speed, console)
    deadline = time.monotonic() + _TIMEOUT_S
    with board:
        while True:
            now = {name: api.job(job_id) for name, job_id in jobs.items()}
            board.show(now)
            if all(job["state"] in ENDED for job in now.values()):
                break
            if time.monotonic() > deadline:
                raise DemoError(f"The jobs did not end within {_TIMEOUT_S:.0f} s.")
            time.sleep(_INTERVAL_S)
    for name, job in now.items():
        if job["state"] != "succeeded":
            error = job["error"] or {}
            raise DemoError(f"The job {name} ended {job['state']}: {error.get('message', '')}")
    return now


class _Board:
    """A table that changes in a terminal; one line per change elsewhere."""

    def __init__(self, speed: float, console: Console) -> None:
        self._speed = speed
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._told: dict[str, tuple[str, ...]] = {}

    def __enter__(self) -> None:
        if self._live:
            self._live.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self._live:
            self._live.__exit__(*error)

    def show(self, jobs: dict[str, Any]) -> None:
        """Show the jobs as they are now."""
        rows = {name: self._row(job) for name, job in jobs.items()}
        if self._live:
            self._live.update(_table(rows), refresh=True)
            return
        for name, row in rows.items():
            told = (*row[:4], row[6])
            if self._told.get(name) != told:
                self._told[name] = told
                elapsed = f"{row[4]} of usually {row[5]}" if row[5] else row[4]
                words = [f"{name:<11}", f"{row[0]:<9}", f"{row[1]:<10}", row[2], row[3], elapsed]
                self._console.print("  " + "  ".join(w for w in [*words, row[6]] if w))

    def _row(self, job: dict[str, Any]) -> tuple[str, ...]:
        attempt, usual, progress = job["attempt"], job["usual_s"], job["progress"]
        measured = progress["basis"] == "measured" and progress["fraction"] is not None
        return (
            job["state"],
            job["stage"] if job["state"] not in ENDED else "",
            job["model"] or job["kind"],
            f"attempt {attempt['number']}" if attempt else "",
            f"{_elapsed_s(job):.0f} s",
            f"{usual['p50']:.0f} s ÷ {self._speed:g}" if usual else "",
            f"{progress['fraction']:.0%}" if measured else "",
        )


def _table(rows: dict[str, tuple[str, ...]]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for head in ("  job", "state", "stage", "vendor / model", "attempt", "elapsed", "usually", ""):
        table.add_column(head)
    for name, (state, stage, model, attempt, *times) in rows.items():
        color = {"succeeded": "green", "failed": "red"}.get(state, "cyan")
        number = attempt.removeprefix("attempt ")
        table.add_row(f"  {name}", f"[{color}]{state}[/]", stage, model, number, *times)
    return table


def _elapsed_s(job: dict[str, Any]) -> float:
    end = job["finished_at"]
    until = dt.datetime.fromisoformat(end) if end else dt.datetime.now(dt.UTC)
    return (until - dt.datetime.fromisoformat(job["created_at"])).total_seconds()
