"""A process that sees what Lambda shows a function: its zip, its layers, the runtime's boto3."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import boto3
from pydantic import BaseModel, ValidationError

from infra.code_asset import build_code
from infra.interpreter import host_version
from infra.layers import BASE, MEDIA, build_layer
from infra.stage import stage_config

ROOT = Path(__file__).resolve().parents[1]
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}
_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:any"
_VALUES = ("https://any.example", "[]", "{}", "1", "batch")
"""Of each kind of variable one: text, a list, an object, a number, a compute."""


def environment_of(handler: str, settings: type[BaseModel]) -> dict[str, str]:
    """Return an environment with which the handler can be built."""
    values = {name.upper(): _value(settings, name) for name in settings.model_fields}
    return (
        AWS
        | values
        | {"_HANDLER": f"dailies.handlers.{handler}.handler", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
    )


def _value(settings: type[BaseModel], name: str) -> str:
    """Return the first value that the field takes."""
    for value in (_ARN,) if name.endswith("_arn") else _VALUES:
        try:
            settings.model_validate({name: value})
        except ValidationError as exc:
            if any(problem["loc"][0] == name for problem in exc.errors()):
                continue
        return value
    raise ValueError(f"No value is known for {name.upper()}.")


def bare_packages(folder: Path) -> list[Path]:
    """Return the roots that a function imports from: our zip, the two layers, the runtime."""
    machine, version, build = stage_config("local").machine, host_version(), ROOT / ".build"
    code = folder / "task"
    _unzip(build_code(ROOT, build, version), code)
    layers = [
        build_layer(recipe, ROOT / "requirements", build, machine, version) / "python"
        for recipe in (BASE, MEDIA)
    ]
    return [code, *layers, _runtime(folder / "runtime")]


def _unzip(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(target)


def _runtime(folder: Path) -> Path:
    """Link boto3 and what it needs out of this environment, and nothing else of it."""
    site = Path(boto3.__file__).parents[1]
    folder.mkdir()
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"):
        (folder / name).symlink_to(site / name)
    return folder


def run_bare(code: str, packages: Sequence[Path], environment: dict[str, str]) -> str:
    """Run code in an interpreter that sees only `packages`, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**environment, "PYTHONPATH": ":".join(map(str, packages))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout
