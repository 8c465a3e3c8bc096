"""One range of the source's time, through the chain, into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from enhance.chain import Chain
from enhance.interruption import Interruption
from enhance.media import ChunkFacts, ChunkWriter, DecodeReport, frames
from enhance.pipeline import WATCHDOG_S, Passed, Pipeline, depth


def pass_range(
    chain: Chain,
    path: Path,
    bounds: tuple[int, int],
    interruption: Interruption,
    *,
    report: DecodeReport | None = None,
    watchdog_s: float = WATCHDOG_S,
    tick: Callable[[int | None], None] = lambda _: None,
) -> tuple[Passed, ChunkFacts | None]:
    """Return what went through, and what the file holds; None where not one frame came.

    Args:
        chain: Its source is read, with the context that its stages need.
        path: Of the file.
        bounds: Half-open range of PTS.
        interruption: Asked a few times a second.
        report: Filled with what was decoded.
        watchdog_s: As `Pipeline` has it.
        tick: As `Pipeline.run` has it.
    """
    context = (chain.before, chain.after)
    decoded = frames(chain.source, *bounds, *context, report=report, device=chain.compute.device)
    writer = ChunkWriter(path, chain.encoding, chain.facts)
    depths = (depth(chain.source.facts), depth(chain.facts))
    pipeline = Pipeline(chain.stages, writer, bounds, depths=depths, watchdog_s=watchdog_s)
    passed = pipeline.run(decoded, interruption, tick)
    return passed, writer.facts if passed.given else None
