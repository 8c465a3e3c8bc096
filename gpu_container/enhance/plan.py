"""The first step: read the source's index, and cut the work into chunks."""

from __future__ import annotations

import math

from pydantic import ValidationError

from enhance import chain, manifest
from enhance.attempt import Attempt
from enhance.cuts import cut
from enhance.errors import BadInputError, NoDeviceError
from enhance.manifest import Estimate, Manifest, Plan, SourceIdentity
from enhance.media import Index, Source, open_source, scan
from enhance.pace import Pace, measure
from enhance.spec import JobSpec, Weights
from enhance.storage import MissingObjectError

CHUNK_S = 75.0
"""Seconds of work in a chunk: what a lost machine costs, against a minute's start of a new one."""
SHORT_S = 90.0
"""Less work than this is one chunk: starting a second machine would take as long."""
LITTLE_PIXELS = 400_000_000
"""Pixels of the result, such as 434 frames of 720p: with a shipped net, less than `SHORT_S` on two
old cores."""
UNMEASURED_CHUNK_S = 30.0
"""Seconds of source in a chunk where the pace is not known."""
MAX_CHUNKS = 10_000
"""An array job of AWS Batch has no more children."""


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
        made = _stored_once(attempt, made, replace=known is not None)
    count = len(made.chunks)
    told = Plan(chunks=count, short=count == 1, estimate=made.estimate)
    # last: a state machine that sees it finds the rest
    attempt.places.work.put("plan.json", told.model_dump_json().encode())
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
    spec = attempt.spec
    models = [getattr(step, "model", None) for step in spec.stages]
    shipped = chain.shipped_digest() if any(isinstance(m, str) for m in models) else ""
    return manifest.question(spec, identity, chain.convert_of(spec).container, shipped)


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
    attempt.interruption.check()
    pace = _pace(attempt, open_source(media, index))
    estimate = Estimate() if pace is None else pace.estimate(index.frames)
    return Manifest(
        task_id=attempt.spec.task_id,
        source=identity,
        question=question,
        index=index,
        chunks=cut(index, _chunk_count(attempt, index, estimate, pace)),
        estimate=estimate,
    )


def _stored_once(attempt: Attempt, made: Manifest, *, replace: bool) -> Manifest:
    """Store the plan; where another planner was first, its plan is the task's.

    Two plans of one task differ in their cuts, for each has measured; chunks must be of one.
    """
    work, content = attempt.places.work, made.model_dump_json().encode()
    if work.put("manifest.json", content, replace=replace):
        return made
    first = stored(attempt)
    if first is not None and first.question == made.question:
        return first
    work.put("manifest.json", content)
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
    attempt.chain = chain.build(spec, source, compute, attempt.weights)
    elsewhere = compute.device == "cpu" and spec.device == "auto" and not attempt.alone
    if spec.chunk_s is not None or _is_little(attempt) or (elsewhere and _is_heavy(spec)):
        return None
    return measure(attempt.chain, attempt.scratch, attempt.interruption)


def _is_heavy(spec: JobSpec) -> bool:
    """Say whether nets of unknown size take part."""
    return any(isinstance(getattr(step, "model", None), Weights) for step in spec.stages)


def _is_little(attempt: Attempt) -> bool:
    """Say whether the work is short on any machine, so that measuring would only cost time."""
    built = attempt.chain
    if built is None or _is_heavy(attempt.spec):
        return False
    return built.source.index.frames * built.facts.width * built.facts.height < LITTLE_PIXELS


def _chunk_count(attempt: Attempt, index: Index, estimate: Estimate, pace: Pace | None) -> int:
    spec = attempt.spec
    if spec.chunk_s is not None:
        wanted = index.duration_s / spec.chunk_s
    elif pace is not None:
        seconds = estimate.cuda_s if pace.device == "cuda" else estimate.cpu_s
        wanted = 1 if seconds is None or seconds < SHORT_S else seconds / CHUNK_S
    else:
        wanted = 1 if _is_little(attempt) else index.duration_s / UNMEASURED_CHUNK_S
    return min(max(1, math.ceil(wanted)), index.frames, MAX_CHUNKS)
