"""The first step: read the source's index, and cut the work into chunks."""

from __future__ import annotations

import math
from bisect import bisect_left

from pydantic import ValidationError

from enhance import chain, manifest
from enhance.attempt import Attempt
from enhance.errors import BadInputError, NoDeviceError
from enhance.manifest import Chunk, Estimate, Manifest, Plan, SourceIdentity
from enhance.media import Index, Source, open_source, scan
from enhance.pace import Pace, measure
from enhance.spec import JobSpec, Weights
from enhance.storage import MissingObjectError

CHUNK_S = 75.0
"""Seconds of work in a chunk: what a lost machine costs, against a minute's start of a new one."""
SHORT_S = 90.0
"""Less work than this is one chunk: starting a second machine would take as long."""
UNMEASURED_CHUNK_S = 30.0
"""Seconds of source in a chunk where the pace is not known."""
MAX_CHUNKS = 10_000
"""An array job of AWS Batch has no more children."""
_SNAP = 0.25
"""A keyframe this near, in chunks, is taken: decoding then starts without a run-up."""


def plan(attempt: Attempt) -> Manifest:
    """Return the task's manifest: the stored one where it still holds, else a new one.

    Raises:
        BadInputError: the source or the spec is not usable.
    """
    attempt.reporter.begin("plan")
    identity = identify(attempt)
    question = question_of(attempt, identity)
    known = stored(attempt)
    if known is not None and known.question == question:
        made = known
    else:
        made = _made(attempt, identity, question)
    attempt.input = facts(made.index)
    return made


def identify(attempt: Attempt) -> SourceIdentity:
    """Say which content lies at the source's URI.

    Raises:
        BadInputError: `source_missing`, `source_changed` since the spec was written, or
            `output_is_source`.
    """
    asked = attempt.spec.source
    if asked.uri == attempt.spec.output or attempt.places.source.uri == attempt.places.output.uri:
        raise BadInputError("output_is_source", "The output would replace the source.")
    found = attempt.places.source.stat()
    if found is None:
        raise BadInputError("source_missing", f"There is no file at {asked.uri}.")
    if asked.etag is not None and asked.etag.strip('"') != found.etag:
        raise BadInputError("source_changed", f"{asked.uri} is not the file that was asked for.")
    return SourceIdentity(uri=asked.uri, size_bytes=found.size_bytes, etag=found.etag)


def question_of(attempt: Attempt, identity: SourceIdentity) -> str:
    """Return the digest of what the chunks' frames depend on."""
    container = chain.convert_of(attempt.spec).container
    return manifest.question(attempt.spec, identity, container, chain.shipped_digest())


def stored(attempt: Attempt) -> Manifest | None:
    """Return the stored manifest; None where there is none, or one of another release."""
    try:
        return Manifest.model_validate_json(attempt.places.work.read("manifest.json"))
    except (MissingObjectError, ValidationError):
        return None


def facts(index: Index) -> dict[str, object]:
    """Return what reports say of the source."""
    width, height = index.upright
    return {
        "container": index.container,
        "size_bytes": index.size_bytes,
        "video_codec": index.codec,
        "pixel_format": index.pixel_format,
        "width": width,
        "height": height,
        "rotation": index.rotation,
        "frames": index.frames,
        "fps": float(index.rate) if index.rate else None,
        "variable_rate": index.rate is None and index.frames > 1,
        "duration_s": round(index.duration_s, 3),
        "interlaced": index.interlaced,
        "sample_aspect": str(index.sample_aspect),
        "tracks": [
            {"kind": track.kind, "codec": track.codec, "language": track.language}
            for track in index.tracks
        ],
        "chapters": index.chapters,
    }


def _made(attempt: Attempt, identity: SourceIdentity, question: str) -> Manifest:
    media = attempt.places.source.media()
    index = scan(media)
    attempt.input = facts(index)
    source = open_source(media, index)
    pace = _pace(attempt, source)
    estimate = Estimate() if pace is None else pace.estimate(index.frames)
    chunks = cut(index, _chunk_count(attempt.spec, index, estimate, pace))
    made = Manifest(
        task_id=attempt.spec.task_id,
        source=identity,
        question=question,
        index=index,
        chunks=chunks,
    )
    told = Plan(chunks=len(chunks), short=len(chunks) == 1, estimate=estimate)
    attempt.places.work.put("manifest.json", made.model_dump_json().encode())
    # last: a state machine that sees it finds the rest
    attempt.places.work.put("plan.json", told.model_dump_json().encode())
    return made


def _pace(attempt: Attempt, source: Source) -> Pace | None:
    """Build the chain, which refuses what does not fit, and measure it where that tells much.

    The machine that plans may have no GPU while those that run do: a net meant for a GPU could
    take minutes for the first frame here.
    """
    spec = attempt.spec
    try:
        compute = attempt.compute
    except NoDeviceError:
        if attempt.alone:
            raise
        return None
    built = chain.build(spec, source, compute, attempt.weights)
    heavy = any(isinstance(getattr(step, "model", None), Weights) for step in spec.stages)
    elsewhere = heavy and compute.device == "cpu" and spec.device == "auto" and not attempt.alone
    if spec.chunk_s is not None or elsewhere:
        return None
    return measure(built, attempt.scratch, attempt.interruption)


def _chunk_count(spec: JobSpec, index: Index, estimate: Estimate, pace: Pace | None) -> int:
    if spec.chunk_s is not None:
        wanted = index.duration_s / spec.chunk_s
    elif pace is None:
        wanted = index.duration_s / UNMEASURED_CHUNK_S
    else:
        seconds = estimate.cuda_s if pace.device == "cuda" else estimate.cpu_s
        wanted = 1 if seconds is None or seconds < SHORT_S else seconds / CHUNK_S
    return min(max(1, math.ceil(wanted)), index.frames, MAX_CHUNKS)


def cut(index: Index, count: int) -> list[Chunk]:
    """Cut the frames into `count` chunks of about equal size, or fewer.

    Every frame lies in exactly one. A chunk begins at a keyframe where one is near, else at any
    frame: a film may have one keyframe in all.
    """
    size = index.frames / count
    keys = [keyframe.pts for keyframe in index.keyframes]
    starts = [0]
    for n in range(1, count):
        start = bisect_left(index.pts, _snapped(index, keys, round(n * size), size * _SNAP))
        if starts[-1] < start < index.frames:
            starts.append(start)
    ends = [*starts[1:], index.frames]
    return [
        Chunk(
            i=i,
            start=index.pts[first],
            end=index.pts[last] if last < index.frames else index.end,
            frames=last - first,
        )
        for i, (first, last) in enumerate(zip(starts, ends, strict=True))
    ]


def _snapped(index: Index, keys: list[int], start: int, reach: float) -> int:
    """Return the PTS of the keyframe that is nearest to frame `start`, or of that frame itself."""
    pts = index.pts[start]
    at = bisect_left(keys, pts)
    near = [
        key
        for key in keys[max(0, at - 1) : at + 1]
        if abs(bisect_left(index.pts, key) - start) <= reach
    ]
    return min(near, key=lambda key: abs(key - pts), default=pts)
