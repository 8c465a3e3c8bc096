"""Correct the pinned MiniStack where it differs from AWS in a way that our workflows feel.

Each correction replaces one function and names the gap it closes. A correction that no longer
fits (another MiniStack, another signature, other text) stops the start-up: a silent miss would
show as a workflow that behaves differently here than on AWS.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MINISTACK_VERSION = "1.5.33"


class CorrectionError(RuntimeError):
    """A correction does not fit the MiniStack that is installed."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One replacement of one attribute of MiniStack."""

    gap: str
    """What differs from AWS without it."""

    module: str
    attribute: str
    """Dotted path inside the module."""

    parameters: tuple[str, ...] | None
    """Names the original must take; None for a value that is not a function."""

    build: Callable[[Any], Any]
    """Makes the replacement from the original."""

    @property
    def target(self) -> str:
        """Name the replaced attribute in full."""
        return f"{self.module}.{self.attribute}"


def check_version(installed: str) -> None:
    """Accept exactly the pinned MiniStack.

    Raises:
        CorrectionError: It is another version.
    """
    if installed != MINISTACK_VERSION:
        raise CorrectionError(
            f"the local AWS is written for ministack {MINISTACK_VERSION}, installed is {installed}"
        )


def apply_all(corrections: list[Correction]) -> None:
    """Put every correction in place, after checking that all of them fit.

    Raises:
        CorrectionError: The version or one of the originals is not what was expected.
    """
    check_version(importlib.metadata.version("ministack"))
    fitted = [(correction, *_locate(correction)) for correction in corrections]
    for correction, owner, name in fitted:
        setattr(owner, name, correction.build(getattr(owner, name)))


def _locate(correction: Correction) -> tuple[Any, str]:
    owner: Any = importlib.import_module(correction.module)
    *path, name = correction.attribute.split(".")
    try:
        for step in path:
            owner = getattr(owner, step)
        original = getattr(owner, name)
    except AttributeError as exc:
        raise CorrectionError(f"{correction.target} is gone ({correction.gap})") from exc
    if correction.parameters is not None:
        found = tuple(inspect.signature(original).parameters)
        if found != correction.parameters:
            raise CorrectionError(
                f"{correction.target} takes {found},"
                f" expected {correction.parameters} ({correction.gap})"
            )
    return owner, name
