"""The last step: join the chunks, measure the result, publish it in one piece."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from enhance import chain, run
from enhance.attempt import Attempt
from enhance.errors import BadInputError, EnhanceError, InterruptedRunError
from enhance.exits import ExitCode
from enhance.manifest import ChunkResult, Manifest
from enhance.media import Chunk, Joined, join, open_source
from enhance.report import ChunkCount, Output, Report
from enhance.storage import Item, MissingObjectError
from enhance.storage.files import FileStore


class ChildFailedError(EnhanceError):
    """A child of the array has ended for good: its ending is the task's."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.code, report.message)
        self.exit_code = ExitCode(report.exit_code)


def assemble(attempt: Attempt) -> None:
    """Join the finished chunks and publish the output.

    Raises:
        ChildFailedError: a chunk is missing, and its worker said why.
        InterruptedRunError: `chunks_missing`: not all are done, and nobody said why.
        BadInputError: `nothing_decoded`, or what the container refuses.
    """
    manifest = run.planned(attempt)
    results = _all_results(attempt, manifest)
    if not attempt.chunks.done:
        attempt.chunks = ChunkCount(total=len(results), done=len(results), reused=len(results))
        run.tell(attempt, results)
    attempt.damage = _damage(manifest, results)
    attempt.reporter.begin("assemble", chunks=len(results))
    source = open_source(attempt.places.source.media(), manifest.index)
    path = attempt.scratch / "output"
    asked = chain.convert_of(attempt.spec)
    joined = join(source, _chunks(attempt, results), path, container=asked.container)
    attempt.warn(*source.notes, *joined.notes)
    _check(attempt, manifest, results, joined)
    if attempt.analyze:
        attempt.reporter.begin("analyze", total=joined.frames)
        _analyze(attempt, path)
    output = attempt.places.output
    target = _target(output, joined.container)
    sha256 = chain.digest(path)
    target.put(path)
    if target != output:
        attempt.warn(f"the output is named {target.name}, as the container that it has")
    uri = attempt.spec.output if target == output else target.uri
    attempt.output = _output(uri, sha256, joined)


def _all_results(attempt: Attempt, manifest: Manifest) -> list[ChunkResult]:
    found = [run.finished(attempt.places.work, manifest, chunk) for chunk in manifest.chunks]
    results = [result for result in found if result is not None]
    if not attempt.chunks.done:  # no `run` before in this process
        attempt.elsewhere_s = sum(result.wall_s for result in results)
    if len(results) < len(found):
        attempt.chunks = ChunkCount(total=len(found), done=len(results))
        _raise_for_child(attempt, len(found))
        raise InterruptedRunError(
            "chunks_missing",
            f"{len(found) - len(results)} of {len(found)} chunks are not done, the first is "
            f"{found.index(None)}: `run` them.",
        )
    return results


def _raise_for_child(attempt: Attempt, children: int) -> None:
    """Raise the ending that a child of the array reported: one that no retry helps before all."""
    endings: list[Report] = []
    for i in range(children):
        with contextlib.suppress(MissingObjectError, ValidationError):
            told = Report.model_validate_json(attempt.places.work.read(f"reports/{i}.json"))
            if told.exit not in (ExitCode.OK, ExitCode.PARTIAL_INPUT):
                endings.append(told)
    if endings:
        raise ChildFailedError(min(endings, key=lambda told: told.retryable))


def _damage(manifest: Manifest, results: Sequence[ChunkResult]) -> list[str]:
    """Say what of the source is not in the output: never passed off as whole."""
    missing = sum(result.missing for result in results)
    corrupt = sum(result.corrupt for result in results)
    found = {
        f"the file is cut off, {manifest.index.lost} frames are not in it": manifest.index.lost,
        f"{missing} frames could not be decoded and are left out": missing,
        f"{corrupt} frames were decoded with errors": corrupt,
    }
    return [text for text, count in found.items() if count]


def _chunks(attempt: Attempt, results: Sequence[ChunkResult]) -> list[Chunk]:
    """Return the chunk files, on this machine, checked against their digests.

    Raises:
        BadInputError: not one frame could be decoded.
    """
    chunks: list[Chunk] = []
    for result in results:
        if result.data is None or result.file is None:
            continue
        attempt.interruption.check()
        copy = attempt.scratch / Path(result.data).name
        path = Item(attempt.places.work, result.data).fetch(copy)
        if chain.digest(path) != result.file.sha256:
            raise EnhanceError(
                "chunk_damaged", f"{result.data} is not what was written: delete it, and `run`."
            )
        chunks.append(Chunk(path, result.file))
    if not chunks:
        raise BadInputError("nothing_decoded", "Not one frame of the source could be decoded.")
    return chunks


def _check(
    attempt: Attempt, manifest: Manifest, results: Sequence[ChunkResult], joined: Joined
) -> None:
    """Hold the whole to the plan before anybody sees it.

    Raises:
        EnhanceError: `frames_lost`.
    """
    written = [pts for result in results if result.file for pts in result.file.pts]
    grows = all(a < b for a, b in pairwise(written))
    if joined.frames != len(written) or not grows:
        raise EnhanceError(
            "frames_lost",
            f"The chunks hold {len(written)} frames, the output {joined.frames}, or out of order.",
        )
    if not any(step.name == "interpolate" for step in attempt.spec.stages):
        missing = sum(result.missing for result in results)
        lost = set(manifest.index.pts).symmetric_difference(written)
        if len(lost) > missing:
            raise EnhanceError(
                "frames_lost",
                f"The output's times differ from the source's at {len(lost)} frames; "
                f"{missing} could not be decoded.",
            )


def _target(output: Item, container: str) -> Item:
    """Return where the output goes: a file's name follows the container that it really got.

    Unless a file has that name already: nobody asked for it to be replaced.
    """
    suffix = Path(output.name).suffix
    fits = suffix.lower() in chain.SUFFIXES.get(container, set())
    others = {known for all_known in chain.SUFFIXES.values() for known in all_known}
    if fits or not isinstance(output.store, FileStore) or suffix.lower() not in others:
        return output
    renamed = Item(output.store, f"{output.name.removesuffix(suffix)}.{container}")
    return output if renamed.stat() else renamed


def _analyze(attempt: Attempt, path: Path) -> None:
    """Measure the output; a measure that fails costs nobody the result."""
    from enhance.analysis.errors import AnalysisError
    from enhance.analysis.measure import analyze

    def watch(pictures: int) -> None:
        attempt.interruption.check()
        attempt.reporter.at(pictures)

    try:
        found = analyze(path, watch=watch)
    except AnalysisError as error:
        attempt.warn(f"The output could not be measured: {error}")
        return
    attempt.analysis = found.model_dump(mode="json")


def _output(uri: str, sha256: str, joined: Joined) -> Output:
    return Output(
        uri=uri,
        size_bytes=joined.size_bytes,
        sha256=sha256,
        container=joined.container,
        width=joined.width,
        height=joined.height,
        fps=joined.fps,
        frames=joined.frames,
        duration_s=joined.duration_s,
        video_codec=joined.video_codec,
        pixel_format=joined.pixel_format,
        audio_codec=joined.audio_codec,
    )
