"""The second step: chunk after chunk, skipping what is done."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from enhance import chain, plan
from enhance.attempt import Attempt
from enhance.chain import Chain
from enhance.errors import BadInputError, EnhanceError
from enhance.manifest import Chunk, ChunkResult, Manifest, data_name, result_name
from enhance.media import ChunkFacts, DecodeReport, open_source
from enhance.passage import pass_range
from enhance.pipeline import Passed
from enhance.progress import reserved_mb
from enhance.report import ChunkCount, Device
from enhance.spec import Interpolate
from enhance.storage import MissingObjectError, Store


def run(attempt: Attempt, wanted: Sequence[int] | None = None) -> list[ChunkResult]:
    """Do the wanted chunks (None: all) that nobody has done yet.

    Raises:
        BadInputError: `no_plan`, `no_chunk`, or what the source and the spec are refused for.
        InterruptedRunError: a stop was asked for; finished chunks are kept.
    """
    manifest = planned(attempt)
    chunks = _chosen(manifest, wanted)
    reporter = attempt.reporter
    reporter.begin("run", total=sum(c.frames for c in chunks), chunks=len(manifest.chunks))
    results: list[ChunkResult] = []
    worker: _Worker | None = None
    base = reused = 0
    for chunk in chunks:
        result = finished(attempt.places.work, manifest, chunk)
        if result is None:
            attempt.interruption.check()
            worker = worker or _Worker(attempt, manifest)
            result = worker.do(chunk, base)
        else:
            reused += 1
            attempt.elsewhere_s += result.wall_s
            reporter.skip(chunk.frames)
        base += chunk.frames
        results.append(result)
        attempt.chunks = ChunkCount(total=len(manifest.chunks), done=len(results), reused=reused)
    if worker is None and wanted is not None and _from_elsewhere(attempt, results):
        worker = _Worker(attempt, manifest)
    if worker is not None:
        reused -= worker.align(chunks, results)
        attempt.chunks = attempt.chunks.model_copy(update={"reused": reused})
    reporter.at(base, None)
    tell(attempt, results)
    return results


def planned(attempt: Attempt) -> Manifest:
    """Return the stored manifest, if it is the plan of this spec and this source.

    Raises:
        BadInputError: `no_plan`.
    """
    manifest = plan.stored(attempt)
    identity = plan.identify(attempt)
    if manifest is None or manifest.question != plan.question_of(attempt, identity):
        raise BadInputError("no_plan", "There is no plan for this spec and source: `plan` first.")
    attempt.input = plan.facts(manifest.index)
    return manifest


def finished(work: Store, manifest: Manifest, chunk: Chunk) -> ChunkResult | None:
    """Return a chunk's result where it is done, and its content is there in full length."""
    try:
        result = ChunkResult.model_validate_json(work.read(result_name(manifest.key(chunk))))
    except (MissingObjectError, ValidationError):
        return None
    if result.data is None or result.file is None:
        return result
    found = work.stat(result.data)
    return result if found is not None and found.size_bytes == result.file.size_bytes else None


def tell(attempt: Attempt, results: Sequence[ChunkResult]) -> None:
    """Add to the report what the chunks said."""
    for result in results:
        attempt.warn(*result.warnings)
        attempt.notes.extend(note for note in result.notes if note not in attempt.notes)
        attempt.device = attempt.device or result.device


def _chosen(manifest: Manifest, wanted: Sequence[int] | None) -> list[Chunk]:
    if wanted is None:
        return manifest.chunks
    absent = [i for i in wanted if not 0 <= i < len(manifest.chunks)]
    if absent:
        raise BadInputError(
            "no_chunk", f"The plan has chunks 0 to {len(manifest.chunks) - 1}, not {absent[0]}."
        )
    return [manifest.chunks[i] for i in wanted]


def _from_elsewhere(attempt: Attempt, results: Sequence[ChunkResult]) -> bool:
    """Say whether a machine of another kind did any of these.

    Where the device is open, a task that found too few GPUs goes on without: its other chunks are
    done on machines like this one, by an encoder of theirs.
    """
    if attempt.spec.device != "auto":
        return False
    return any(result.device.kind != attempt.compute.device for result in results)


class _Worker:
    """Holds what all chunks share: the source, the nets, the encoder's settings."""

    def __init__(self, attempt: Attempt, manifest: Manifest) -> None:
        self._attempt = attempt
        self._manifest = manifest
        self._chain = attempt.chain or self._built(attempt, manifest)
        attempt.reporter.device = self._chain.compute.name
        if self._chain.compute.device == "cuda":
            attempt.reporter.memory_mb = reserved_mb

    @staticmethod
    def _built(attempt: Attempt, manifest: Manifest) -> Chain:
        source = open_source(attempt.places.source.media(), manifest.index)
        return chain.build(attempt.spec, source, attempt.compute, attempt.weights)

    def do(self, chunk: Chunk, base: int) -> ChunkResult:
        """Enhance one chunk and store it. `base`: frames that were done before."""
        path = self._attempt.scratch / f"chunk-{chunk.i}.{self._chain.encoding.container}"
        report = DecodeReport()
        passed, file = self._pass(chunk, path, report, base)
        self._check(chunk, passed, file)
        result = ChunkResult(
            i=chunk.i,
            data=None if file is None else self._stored(path, file),
            file=file,
            missing=report.missing,
            corrupt=report.corrupt,
            notes=self._chain.notes,
            warnings=list(dict.fromkeys([*self._chain.warnings, *report.notes])),
            device=self._device(report),
            wall_s=round(passed.wall_s, 3),
            busy_s={name: round(busy, 3) for name, busy in passed.busy_s.items()},
        )
        path.unlink(missing_ok=True)
        return self._published(chunk, result)

    def align(self, chunks: Sequence[Chunk], results: list[ChunkResult]) -> int:
        """Do again what an earlier try coded with an encoder that this machine has not.

        Its chunks would not join with ours. Returns how many there were.
        """
        total = sum(chunk.frames for chunk in chunks)
        strangers = [n for n, result in enumerate(results) if not self._joins(result)]
        for n in strangers:
            self._attempt.interruption.check()
            results[n] = self.do(chunks[n], total - chunks[n].frames)
        return len(strangers)

    def _joins(self, result: ChunkResult) -> bool:
        return result.file is None or result.file.encoder == self._chain.encoding.encoder

    def _pass(
        self, chunk: Chunk, path: Path, report: DecodeReport, base: int
    ) -> tuple[Passed, ChunkFacts | None]:
        attempt = self._attempt
        first = bisect_right(self._manifest.index.pts, chunk.start - 1)

        def tick(pts: int | None) -> None:
            done = 0 if pts is None else bisect_right(self._manifest.index.pts, pts) - first
            attempt.reporter.at(base + done, chunk.i)

        return pass_range(
            self._chain,
            path,
            (chunk.start, chunk.end),
            attempt.interruption,
            report=report,
            watchdog_s=attempt.settings.watchdog_s,
            tick=tick,
        )

    def _check(self, chunk: Chunk, passed: Passed, file: ChunkFacts | None) -> None:
        """Hold the file to what went through: no frame lost, none twice, none moved in time."""
        written = [] if file is None else list(file.pts)
        if written != passed.given:
            raise EnhanceError(
                "frames_lost",
                f"Chunk {chunk.i}: {len(passed.given)} frames were given to the encoder, "
                f"{len(written)} are in the file, or at other times.",
            )
        changes = any(isinstance(step, Interpolate) for step in self._attempt.spec.stages)
        if not changes and passed.given != passed.taken:
            raise EnhanceError(
                "frames_lost",
                f"Chunk {chunk.i}: {len(passed.taken)} frames were decoded, "
                f"{len(passed.given)} came out of the stages, or at other times.",
            )

    def _device(self, report: DecodeReport) -> Device:
        compute = self._chain.compute
        return Device(
            kind=compute.device,
            name=compute.name,
            engine=compute.engine,
            precision=compute.precision,
            decoder=report.decoder or None,
            encoder=self._chain.encoding.encoder,
        )

    def _stored(self, path: Path, file: ChunkFacts) -> str:
        """Store the content under its digest; over what is there, where that is not all of it."""
        work = self._attempt.places.work
        name = data_name(file.sha256, self._chain.encoding.container)
        if not work.put(name, path, replace=False):
            found = work.stat(name)
            if found is None or found.size_bytes != file.size_bytes:
                work.put(name, path)
        return name

    def _published(self, chunk: Chunk, result: ChunkResult) -> ChunkResult:
        """Store the result; where another worker was first, its result is the chunk's."""
        work = self._attempt.places.work
        name = result_name(self._manifest.key(chunk))
        content = result.model_dump_json().encode()
        if work.put(name, content, replace=False):
            return result
        first = finished(work, self._manifest, chunk)
        if first is not None and self._joins(first):
            return first
        # of no use: another release's or another encoder's, or its content is gone
        work.put(name, content)
        return result
