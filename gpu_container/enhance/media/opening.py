"""How a file is opened for reading, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

Media = str | Path | BinaryIO | Callable[[], BinaryIO]
"""A path; an open seekable file (one reader at a time; never closed here); or a function that opens
one (each reader closes its own)."""
