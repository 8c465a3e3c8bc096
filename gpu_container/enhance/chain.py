"""The stages of a spec, built for one source on one device, and how their result is coded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from enhance.errors import BadInputError
from enhance.frames import StreamFacts
from enhance.media import Encoding, Source, choose_encoding
from enhance.spec import Convert, Denoise, JobSpec, SuperResolution, Weights
from enhance.stages import Stage
from enhance.storage import Item, MissingObjectError

if TYPE_CHECKING:
    from enhance.engines import Compute

SUFFIXES = {"mp4": {".mp4", ".m4v"}, "mkv": {".mkv"}, "mov": {".mov", ".qt"}, "webm": {".webm"}}
"""Of files, by container."""


@dataclass(frozen=True, slots=True)
class Chain:
    """From the source's frames to the encoder's; the same for every chunk."""

    source: Source
    stages: tuple[Stage, ...]
    facts: StreamFacts
    """Of the frames that come out at the end."""
    encoding: Encoding
    compute: Compute

    @property
    def before(self) -> int:
        """Source frames that a chunk needs before its first: each stage's context adds up."""
        return sum(stage.before for stage in self.stages)

    @property
    def after(self) -> int:
        """… and after its last."""
        return sum(stage.after for stage in self.stages)

    @property
    def notes(self) -> list[str]:
        """What was chosen, and why."""
        staged = (note for stage in self.stages for note in stage.notes)
        return list(dict.fromkeys([*self.compute.notes, *staged]))

    @property
    def warnings(self) -> list[str]:
        """What will not be as it was in the source."""
        return list(dict.fromkeys([*self.source.notes, *self.encoding.notes]))


def build(
    spec: JobSpec, source: Source, compute: Compute, weights: Callable[[Weights], Path]
) -> Chain:
    """Build the chain.

    Args:
        spec: Its stages, in order.
        source: What comes in.
        compute: Where nets run.
        weights: Fetches a file of weights of one's own.

    Raises:
        BadInputError: the stages do not fit the source, or a model is not usable.
    """
    stages: list[Stage] = []
    facts = source.facts
    for step in spec.stages:
        if isinstance(step, Convert):
            continue
        if isinstance(step, SuperResolution | Denoise) and isinstance(step.model, Weights):
            here = step.model.model_copy(update={"uri": str(weights(step.model))})
            step = step.model_copy(update={"model": here})
        module: Any = import_module(f"enhance.stages.{step.name}")
        stage: Stage = module.build(step, facts, compute)
        stages.append(stage)
        facts = stage.facts
    # without that stage the frames still hold two fields each
    fields = source.index.interlaced and not any(s.name == "deinterlace" for s in spec.stages)
    convert = convert_of(spec)
    encoding = choose_encoding(convert, source, facts, compute.device, interlaced=fields)
    return Chain(source, tuple(stages), facts, encoding, compute)


def convert_of(spec: JobSpec) -> Convert:
    """Return how the result is coded; its container is the one that the output's suffix tells.

    Raises:
        BadInputError: there are several `convert`, or one that is not the last.
    """
    found = [step for step in spec.stages if isinstance(step, Convert)]
    if found and (len(found) > 1 or spec.stages[-1] is not found[0]):
        raise BadInputError("bad_spec", "`convert` comes once, as the last of the stages.")
    asked = found[0] if found else Convert()
    if asked.container is not None:
        return asked
    suffix = PurePosixPath(spec.output).suffix.lower()
    told = next((name for name, known in SUFFIXES.items() if suffix in known), None)
    return asked.model_copy(update={"container": told})


def fetched(weights: Weights, item: Callable[[str], Item], cache: Path) -> Path:
    """Return a local file with these weights, checked; a file that was fetched before is kept.

    Raises:
        BadInputError: `model_missing`, or `model_changed` where the content has another digest.
    """
    kept = cache / f"{weights.sha256}{Path(weights.uri).suffix}"
    if kept.exists() and digest(kept) == weights.sha256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache) as folder:
        copy = Path(folder) / "weights"
        try:
            found = item(weights.uri).fetch(copy)
        except MissingObjectError as error:
            raise BadInputError(
                "model_missing", f"There are no weights at {weights.uri}."
            ) from error
        if digest(found) != weights.sha256:
            raise BadInputError(
                "model_changed", f"{weights.uri} is not the file whose sha256 the spec names."
            )
        return copy.replace(kept) if found == copy else found


def digest(path: Path) -> str:
    """Return a file's sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped_digest() -> str:
    """Return one digest over the shipped nets: with other weights come other frames."""
    folder = Path(__file__).parent / "nets" / "shipped"
    files = sorted(folder.glob("*.safetensors"))
    return hashlib.sha256("".join(f.name + digest(f) for f in files).encode()).hexdigest()
