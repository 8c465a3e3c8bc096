"""Tells a person what takes its time: live in a terminal, in plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


class Narrator:
    """Prints steps with their durations."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Say what is being done while the block runs, and how long it took."""
        began = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(f"{escape(doing)} …"):
                yield
        else:
            yield
        self.line(f"  {doing}", f"{time.monotonic() - began:.1f} s")

    def title(self, text: str) -> None:
        """Begin a part."""
        self.console.print(f"\n[bold]{escape(text)}[/bold]")

    def line(self, text: str, dim: str = "") -> None:
        """Say one thing."""
        self.console.print(escape(text) + (f"  [dim]{escape(dim)}[/dim]" if dim else ""))


class Silent(Narrator):
    """Says nothing."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
