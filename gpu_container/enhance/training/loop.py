"""The training loop: steps, a running mean of the weights, checkpoints to go on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from enhance.training.net import LumaNet, base, build, to_arrays
from enhance.training.pairs import Batch, Corpus
from enhance.training.recipe import Recipe
from enhance.training.weights import Weights

_LAST_RATE = 0.005
"""Of the highest step size, at the end."""


@dataclass(frozen=True)
class Progress:
    """How far it is."""

    step: int
    steps: int
    loss: float
    """Mean since the last report, in 8-bit steps."""
    steps_per_s: float
    eta_s: float


Report = Callable[[Progress], None]


class Training:
    """One training run; after `run` its `weights` are the trained net."""

    def __init__(self, corpus: Corpus, device: str = "cpu") -> None:
        self.corpus, self.recipe, self.device = corpus, corpus.recipe, torch.device(device)
        self.step = 0
        self.net: LumaNet = build(self.recipe).to(self.device)
        self.mean = {key: value.clone() for key, value in self.net.state_dict().items()}
        self.optimizer = torch.optim.Adam(self.net.parameters(), self.recipe.rate, foreach=True)

    @property
    def weights(self) -> Weights:
        """The running mean of the net's weights."""
        return to_arrays(self.mean)

    def run(
        self,
        report: Report = lambda progress: None,
        checkpoint: Path | None = None,
        every: int = 1000,
        until: int | None = None,
    ) -> None:
        """Train to the recipe's end (or to step `until`), from where `resume` left it.

        Args:
            report: Called every `every` steps.
            checkpoint: Written at the same steps, where given.
            every: Steps between reports.
            until: Stop there, as if interrupted.
        """
        end = min(until or self.recipe.steps, self.recipe.steps)
        first, begun, losses = self.step, time.monotonic(), torch.zeros((), device=self.device)
        since = self.step
        while self.step < end:
            losses += self._one(self.corpus.batch(self.step))
            self.step += 1
            if self.step % every and self.step != end:
                continue
            pace = (self.step - first) / (time.monotonic() - begun)
            loss = float(losses) * 255 / (self.step - since)
            left = (self.recipe.steps - self.step) / pace
            report(Progress(self.step, self.recipe.steps, loss, pace, left))
            losses.zero_()
            since = self.step
            if checkpoint is not None:
                self._save(checkpoint)

    def _one(self, batch: Batch) -> torch.Tensor:
        """One step of Adam, then of the running mean; the loss comes back."""
        small, large = (self._picture(array) for array in batch)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate * rate_at(self.step, self.recipe)
        with torch.autocast(self.device.type, torch.bfloat16):
            residual = self.net(small.contiguous(memory_format=torch.channels_last))
        result = base(small, self.recipe.scale) + residual.float()
        loss = torch.nn.functional.smooth_l1_loss(result, large, beta=self.recipe.soft)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.optimizer.step()
        share = 1 - self.recipe.ema if self.step > self.recipe.warm else 1.0
        with torch.no_grad():
            for key, value in self.net.state_dict().items():
                self.mean[key].lerp_(value, share)
        return loss.detach()

    def _picture(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device, torch.float32) / 255

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".part")
        torch.save(
            {
                "recipe": self.recipe.record(),
                "step": self.step,
                "net": self.net.state_dict(),
                "mean": self.mean,
                "optimizer": self.optimizer.state_dict(),
            },
            draft,
        )
        draft.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            ValueError: it is of another recipe; its weights would be nobody's.
        """
        saved: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        if saved["recipe"] != self.recipe.record():
            raise ValueError(f"{path} is of another recipe: remove it, or train as it says")
        self.step = saved["step"]
        self.net.load_state_dict(saved["net"])
        self.mean = saved["mean"]
        self.optimizer.load_state_dict(saved["optimizer"])


def rate_at(step: int, recipe: Recipe) -> float:
    """The step size's share of its highest: a short rise, then a cosine down."""
    warm = min(recipe.warm, max(1, recipe.steps // 10))
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, recipe.steps - warm)
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2
