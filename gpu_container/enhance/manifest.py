"""What a task's chunks are, and the names under which their results are kept.

```
<work>/spec.json  manifest.json  plan.json  progress.json  report.json
       chunks/<sha256 of the question>.json   written last, never twice: the chunk is done
       chunks/<sha256 of the content>.<ext>   the coded frames
       progress/<chunk>.json  reports/<chunk>.json   of the children of an array
```
A chunk's question is all that its frames depend on. So a rerun finds what is done, a changed spec
does not, and two workers on one chunk do no harm: the first JSON stays, and it names its content.
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

from enhance.media import ChunkFacts, Index
from enhance.report import Device
from enhance.spec import JobSpec

CODE_VERSION = "1"
"""Counts up whenever the same spec gives other frames or another way of coding them."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceIdentity(_Part):
    """Which content was planned."""

    uri: str
    size_bytes: int
    etag: str


class Chunk(_Part):
    """A half-open range of the source's PTS."""

    i: int
    start: int
    end: int
    frames: int
    """How many of the source's frames lie in it."""


class Estimate(_Part):
    """Seconds of work on one machine of each kind; None where it was not measured."""

    cpu_s: float | None = None
    cuda_s: float | None = None


class Manifest(_Part):
    """`manifest.json`."""

    v: Literal[1] = 1
    task_id: str
    source: SourceIdentity
    question: str
    """Digest of all that every chunk's frames depend on."""
    index: Index
    """Of the source: chunks need not scan it again."""
    chunks: list[Chunk]
    estimate: Estimate

    def key(self, chunk: Chunk) -> str:
        """Return the digest that names a chunk's result."""
        return _digest([self.question, chunk.start, chunk.end])


class Plan(_Part):
    """`plan.json`: little enough for a state machine to read."""

    v: Literal[1] = 1
    chunks: int
    short: bool
    """Not worth several machines."""
    estimate: Estimate


class ChunkResult(_Part):
    """`chunks/<key>.json`: a chunk is done once this is there."""

    v: Literal[1] = 1
    i: int
    data: str | None
    """Name of the content, in the work prefix; None where nothing of the range could be decoded."""
    file: ChunkFacts | None
    """What the content holds."""
    missing: int
    """Frames that the source's index has and the decoder did not give."""
    corrupt: int
    """Frames that the decoder gave with errors."""
    notes: list[str]
    """What was chosen."""
    warnings: list[str]
    """What is not as it was in the source."""
    device: Device
    wall_s: float
    busy_s: dict[str, float]


def question(spec: JobSpec, source: SourceIdentity, container: str | None, shipped: str) -> str:
    """Return the digest of what all chunks' frames depend on.

    Where things lie and how the work is cut are no part of it. The device that is asked for is: a
    GPU's frames differ in their last bits, and its encoder's headers in all.

    Args:
        spec: What is asked.
        source: The content it is asked of.
        container: As asked, or told by the output's suffix.
        shipped: Digest of the nets that come with the program; empty where none is used.
    """
    asked = spec.model_dump(mode="json", include={"stages", "precision", "device"})
    for stage in asked["stages"]:
        # weights are their digest, wherever they lie
        if isinstance(stage.get("model"), dict):
            stage["model"] = stage["model"]["sha256"]
    return _digest([CODE_VERSION, asked, source.size_bytes, source.etag, container, shipped])


def result_name(key: str) -> str:
    """Where a chunk's result is kept."""
    return f"chunks/{key}.json"


def data_name(sha256: str, extension: str) -> str:
    """Where a chunk's content is kept."""
    return f"chunks/{sha256}.{extension}"


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
