"""The synthesized stacks, and the CDK CLI that deploys them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from infra.stage import StageConfig
from tools.deploy.errors import DeployError
from tools.deploy.machine import CDK, ROOT
from tools.deploy.stacks import stack_names

_QUIET = ("--no-notices", "--no-version-reporting")


class Programs(Protocol):
    """Runs other programs."""

    def ask(self, command: list[str]) -> str:
        """Return what a program prints; nothing where it fails or is not there."""
        ...

    def run(self, command: list[str]) -> int:
        """Let a program print here, and return its exit status."""
        ...


class Subprocesses:
    """Programs on this machine. Ctrl-C reaches them too: they are in our process group."""

    def __init__(self, region: str | None = None) -> None:
        """Let them use this AWS region, whatever else they would find."""
        self._region = region

    def ask(self, command: list[str]) -> str:
        """Return what a program prints; nothing where it fails or is not there."""
        try:
            done = subprocess.run(  # noqa: S603 - our own command lines
                command, capture_output=True, text=True, check=True, cwd=ROOT
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
        return done.stdout.strip()

    def run(self, command: list[str]) -> int:
        """Let a program print here, and return its exit status."""
        environment = dict(os.environ)  # noqa: TID251 - handed on, not read
        if self._region is not None:
            environment |= {"AWS_REGION": self._region, "AWS_DEFAULT_REGION": self._region}
        return subprocess.call(  # noqa: S603 - our own command lines
            command, cwd=ROOT, stdin=subprocess.DEVNULL, env=environment
        )


@dataclass(frozen=True)
class Assembly:
    """What `app.py` made of a stage."""

    folder: Path
    templates: Mapping[str, Mapping[str, Any]]
    """By stack name; data first."""
    bootstrap_version: int


def synthesize(
    stage: StageConfig, context: Mapping[str, str], programs: Programs, root: Path = ROOT
) -> Assembly:
    """Make the templates and build what is uploaded with them.

    Raises:
        DeployError: it failed; what went wrong was printed.
    """
    folder = root / "cdk.out" / stage.name
    command = [str(CDK), "synth", "--quiet", "--output", str(folder), *_QUIET]
    if programs.run([*command, *_context(stage, context)]) != 0:
        raise DeployError("The stacks could not be synthesized; the reason stands above.")
    return read_assembly(stage, folder)


def read_assembly(stage: StageConfig, folder: Path) -> Assembly:
    """Return an assembly that lies in a folder."""
    templates = {
        name: json.loads((folder / f"{name}.template.json").read_text("utf-8"))
        for name in stack_names(stage.name)
    }
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    versions = (
        artifact.get("properties", {}).get("requiresBootstrapStackVersion", 0)
        for artifact in manifest["artifacts"].values()
    )
    return Assembly(folder, templates, max(versions))


def deploy(
    stage: StageConfig, assembly: Assembly, programs: Programs, *, adopt: bool = False
) -> None:
    """Deploy both stacks with the CDK CLI. Doing it twice changes nothing the second time.

    `adopt` takes over log groups and secrets that an earlier deployment left, by their names.

    Raises:
        DeployError: it failed; what went wrong was printed.
    """
    command = [str(CDK), "deploy", "--all", "--app", str(assembly.folder), *_QUIET]
    command += ["--require-approval", "never"]
    command += ["--output", f"{assembly.folder}.work"]
    if stage.on_host:
        command += ["--method", "direct"]  # the emulator's change sets are slower
    if adopt:
        command.append("--import-existing-resources")
    if programs.run(command) != 0:
        raise DeployError(
            "The CDK CLI could not deploy; the reason stands above. CloudFormation has gone back"
            " to what was there before. Mend it and run the same command again."
        )


def _context(stage: StageConfig, context: Mapping[str, str]) -> Sequence[str]:
    pairs = {"stage": stage.name, **context}
    return [word for key, value in pairs.items() for word in ("--context", f"{key}={value}")]
