"""What is trained, and how long: one recipe per shipped net."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, beside the machine's arithmetic."""

    model: str
    """Name of the shipped file."""
    scale: int
    """2 or 1: how many times larger the result is, each way."""
    variant: str
    """`clean`, `codec` or `deblock`: what the small pictures have been through."""
    steps: int
    features: int = 16
    depth: int = 4
    """Hidden layers, beside the first and the last."""
    seed: int = 0
    batch: int = 16
    patch: int = 48
    """Edge of a small patch, in pixels."""
    rate: float = 4e-3
    """Adam's highest step size; it rises over the first steps and falls as a cosine."""
    warm: int = 200
    """Steps over which it rises."""
    soft: float = 0.0
    """Errors below this, of 1, count by their square (Huber's loss): where the picture is nearly
    right from the start, the plain mean error drives all ReLUs to zero."""
    begin: float = 0.1
    """Factor on the last layer's first weights: the net begins near the base."""
    clip: float = 0.5
    """Longest gradient (L2), so that no rare patch kills a layer's ReLUs."""
    ema: float = 0.999
    """Share of the running mean of weights that each step keeps. The mean is what ships."""

    def __post_init__(self) -> None:
        if min(self.steps, self.features, self.depth + 1, self.batch, self.patch) < 1:
            raise ValueError("steps, features, batch and patch are at least 1, depth at least 0")

    def record(self) -> dict[str, str]:
        """As a weights file's header holds it: text to text."""
        return {key: str(value) for key, value in asdict(self).items()}


RECIPES: dict[str, Recipe] = {
    recipe.model: recipe
    for recipe in (
        Recipe("luma-x2-clean", scale=2, variant="clean", steps=60_000),
        Recipe("luma-x2-codec", scale=2, variant="codec", steps=16_000),
        Recipe(
            "luma-x1-deblock",
            scale=1,
            variant="deblock",
            steps=16_000,
            rate=1e-3,
            warm=1000,
            soft=0.02,
            begin=0.01,
        ),
    )
}
"""60,000 steps are about ten minutes on one idle core with bf16 in hardware. What ships was trained
with one thread: more are quicker, and give other last digits."""
