"""Our side of each comparison, in a process of its own: `python -m bench.enhance.ours WHAT …`.

It builds the same chain and the same three threads as `enhance run` does for a chunk. Like the
peers' clocks, its clock starts when everything is loaded.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from enhance.memory import keep_memory


def main(argv: list[str]) -> int:
    """Do one piece of work, and print what it took as a line of JSON."""
    keep_memory()  # as `python -m enhance` begins
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("chunk", "stages", "memory"))
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--stages", type=json.loads, required=True)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args(argv)
    work = {"chunk": _chunk, "stages": _stages, "memory": _memory}[args.what]
    print(json.dumps(work(_chain(args), args.output)))
    return 0


def _chain(args: argparse.Namespace) -> Any:
    from enhance import chain
    from enhance.engines import open_compute
    from enhance.media.source import open_source
    from enhance.spec import JobSpec, Weights

    spec = JobSpec.model_validate(
        {
            "task_id": "bench",
            "source": {"uri": str(args.source)},
            "output": str(args.output),
            "work": str(args.output.parent),
            "stages": args.stages,
            "device": args.device,
        }
    )

    def no_weights(wanted: Weights) -> Path:
        raise ValueError(f"{wanted.uri}: only shipped nets are measured")

    compute = open_compute(spec.device, spec.precision)
    return chain.build(spec, open_source(args.source), compute, no_weights)


def _range(built: Any) -> tuple[int, int]:
    pts = built.source.index.pts
    return pts[0], pts[-1] + 1


def _frames(built: Any) -> Iterable[Any]:
    from enhance.media import decode

    start, end = _range(built)
    device = built.compute.device
    return decode.frames(built.source, start, end, built.before, built.after, device=device)


def _chunk(built: Any, output: Path) -> dict[str, Any]:
    """All three threads, to a file."""
    passed = _pipeline(built, output).run(_frames(built), _interruption())
    return {
        "frames": len(passed.given),
        "taken": len(passed.taken),
        "wall_s": passed.wall_s,
        "busy_s": passed.busy_s,
        "engine": built.compute.engine,
        "precision": built.compute.precision,
        "encoder": built.encoding.encoder,
        "notes": built.notes,
    }


def _pipeline(built: Any, output: Path) -> Any:
    from enhance.media.encode import ChunkWriter
    from enhance.pipeline import Pipeline, depth

    depths = (depth(built.source.facts), depth(built.facts))
    writer = ChunkWriter(output, built.encoding, built.facts)
    return Pipeline(built.stages, writer, _range(built), depths=depths)


def _interruption() -> Any:
    from enhance.interruption import Interruption

    return Interruption()


def _stages(built: Any, output: Path) -> dict[str, Any]:
    """Decoding alone, then the stages alone, then the encoder alone."""
    from enhance.media.encode import ChunkWriter

    begun = time.monotonic()
    ready = list(_frames(built))
    decode_s = time.monotonic() - begun
    warm: Any = ready[:4]
    for stage in built.stages:
        warm = stage.frames(warm)
    for _ in warm:
        pass
    begun = time.monotonic()
    chain: Any = iter(ready)
    for stage in built.stages:
        chain = stage.frames(chain)
    results = list(chain)
    stages_s = time.monotonic() - begun
    begun = time.monotonic()
    with ChunkWriter(output, built.encoding, built.facts) as writer:
        for frame in results:
            writer.write(frame)
    encode_s = time.monotonic() - begun
    return {
        "frames": len(results),
        "decode_s": decode_s,
        "stages_s": stages_s,
        "encode_s": encode_s,
    }


def _memory(built: Any, output: Path) -> dict[str, Any]:
    """The most resident memory in the second fifth of the way, queues being full, and the last."""
    marks: list[int] = []
    count = len(built.source.index.pts)

    def counted() -> Iterable[Any]:
        for number, frame in enumerate(_frames(built)):
            if number % max(1, count // 100) == 0:
                marks.append(_resident_bytes())
            yield frame

    passed = _pipeline(built, output).run(counted(), _interruption())
    fifth = len(marks) // 5
    return {
        "frames": len(passed.given),
        "early_mb": max(marks[fifth : 2 * fifth]) / 1e6,
        "late_mb": max(marks[-fifth:]) / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
