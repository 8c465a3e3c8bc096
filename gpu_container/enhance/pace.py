"""How fast this machine does a job: a few frames of it, measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enhance.chain import Chain
from enhance.interruption import Interruption
from enhance.manifest import Estimate
from enhance.passage import pass_range

FRAMES = 8
_GPU_GAIN = 20.0
"""By how much a GPU speeds up the stages, decoding and encoding staying as they are. An assumption
from published figures (an L4's ceiling for the shipped net is about 50 times two CPU cores), on the
careful side; it decides how work is cut, not what anybody pays."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds per source frame, by thread."""

    device: str
    decode_s: float
    stages_s: float
    encode_s: float

    def estimate(self, frames: int) -> Estimate:
        """Return the time that so many frames take.

        On a GPU the slowest thread decides; on a CPU all three share the cores, and add up.
        """
        if self.device == "cuda":
            return Estimate(cuda_s=round(frames * self._slowest(self.stages_s), 1))
        total = self.decode_s + self.stages_s + self.encode_s
        return Estimate(
            cpu_s=round(frames * total, 1),
            cuda_s=round(frames * self._slowest(self.stages_s / _GPU_GAIN), 1),
        )

    def _slowest(self, stages_s: float) -> float:
        return max(self.decode_s, stages_s, self.encode_s)


def measure(chain: Chain, scratch: Path, interruption: Interruption) -> Pace | None:
    """Run a few frames through the chain; None where there are none that can be decoded.

    One frame goes ahead: nets are compiled for a size when its first frame comes.
    """
    pts = chain.source.index.pts
    if len(pts) < FRAMES + 2:
        return None
    path = scratch / "pace"
    pass_range(chain, path, (pts[0], pts[1]), interruption)
    passed, _ = pass_range(chain, path, (pts[1], pts[FRAMES + 1]), interruption)
    if not passed.taken:
        return None
    per = {name: busy / len(passed.taken) for name, busy in passed.busy_s.items()}
    return Pace(chain.compute.device, per["decode"], per["stages"], per["encode"])
