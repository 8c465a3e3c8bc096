"""Build the two dependency layers for the target platform: uv, no Docker, no container."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.interpreter import compile_bytecode, find_interpreter, find_uv
from infra.stage import StageConfig

_RECIPE = "1"
"""Change it whenever this file changes what it makes of the same lock file."""


@dataclass(frozen=True, slots=True)
class LayerRecipe:
    """One layer: which lock file, for which C library."""

    name: str
    glibc: str
    """The tag of the oldest C library that its wheels need; Lambda's Python 3.13 has 2.34."""


BASE = LayerRecipe("base", "manylinux2014")
MEDIA = LayerRecipe("media", "manylinux_2_28")


def build_layer(
    recipe: LayerRecipe, lock_folder: Path, build_folder: Path, machine: str, python_version: str
) -> Path:
    """Return the layer's folder, built only if the one for exactly these inputs is not there yet.

    `machine` is `aarch64` or `x86_64`.

    Raises:
        RuntimeError: uv could not install the locked wheels.
    """
    lock = lock_folder / f"{recipe.name}.lock"
    interpreter = find_interpreter(python_version)
    inputs = f"{_RECIPE}/{recipe}/{machine}/{python_version}/{interpreter is not None}\n"
    digest = hashlib.sha256(inputs.encode() + lock.read_bytes()).hexdigest()[:32]
    target = build_folder / f"layer-{recipe.name}-{digest}"
    if target.exists():
        return target
    build_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build_folder) as scratch:
        layer = Path(scratch, "layer")
        packages = layer / "python"
        _install(lock, packages, f"{machine}-{recipe.glibc}", python_version)
        shutil.rmtree(packages / "bin", ignore_errors=True)
        if interpreter is not None:
            compile_bytecode(interpreter, packages, "/opt/python")
        if not target.exists():
            os.replace(layer, target)  # noqa: PTH105 - atomic: another synth may run beside us
    return target


def _install(lock: Path, target: Path, platform: str, python_version: str) -> None:
    command = [find_uv(), "pip", "install", "--quiet", "--python", sys.executable]
    command += ["--python-platform", platform, "--python-version", python_version]
    command += ["--only-binary", ":all:", "--require-hashes", "--link-mode", "copy"]
    command += ["--target", str(target), "-r", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(f"building the layer from {lock.name} failed:\n{done.stderr}")


def build_layer_version(
    scope: Construct, construct_id: str, folder: Path, stage: StageConfig
) -> lambda_.LayerVersion:
    """Publish a built layer."""
    return lambda_.LayerVersion(
        scope,
        construct_id,
        code=lambda_.Code.from_asset(str(folder)),
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
        compatible_architectures=[stage.architecture],
        removal_policy=stage.removal_policy,
    )
