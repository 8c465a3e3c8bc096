"""What is uploaded beside the templates: our code and the layers of our dependencies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.code_asset import build_code
from infra.interpreter import host_version
from infra.layers import BASE, MEDIA, build_layer
from infra.stage import PYTHON_VERSION, StageConfig


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Paths of what the functions are made of. Tests pass empty folders."""

    code: Path
    """A zip or a folder: the root that handlers are imported from."""

    base_layer: Path | None
    """None: the functions see the packages of the interpreter that runs them."""

    media_layer: Path | None


def build_artifacts(root: Path, stage: StageConfig) -> Artifacts:
    """Build what is not built yet, under `.build/` of the checkout `root`."""
    build = root / ".build"
    python_version = host_version() if stage.on_host else PYTHON_VERSION
    code = build_code(root, build, python_version)
    if stage.on_host:
        return Artifacts(code, None, None)
    base, media = (
        build_layer(recipe, root / "requirements", build, stage.machine, python_version)
        for recipe in (BASE, MEDIA)
    )
    return Artifacts(code, base, media)
