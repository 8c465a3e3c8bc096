"""What this machine must have before it can deploy."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from infra.interpreter import find_interpreter
from infra.stage import PYTHON_VERSION, StageConfig
from tools.deploy.checks import Check, fail, ok, warn

ROOT = Path(__file__).resolve().parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
_NODE_MAJOR = 20
_INSTALL = "make install"

Ask = Callable[[list[str]], str]
"""Runs a program and returns what it prints; nothing where it fails or is not there."""


def check_machine(stage: StageConfig, ask: Ask, root: Path = ROOT) -> Iterator[Check]:
    """Check Node, the CDK CLI, Docker, and the interpreter that compiles functions' bytecode."""
    yield _node(ask)
    yield _cdk(ask, root)
    yield _interpreter(stage)
    if stage.enhance_compute != "workers":
        yield _docker(ask)


def _docker(ask: Ask) -> Check:
    """Look for what builds the enhancement's images; synthesis does without."""
    version = ask(["docker", "version", "--format", "{{.Server.Version}}"])
    if not version:
        return fail(
            "Docker: no engine answers, and the images of the enhancement are built here",
            "start Docker, or set enhance_compute='workers' in infra/stage.py",
        )
    return ok(f"Docker {version}")


def _node(ask: Ask) -> Check:
    version = ask(["node", "--version"]) if shutil.which("node") else ""
    major = re.match(r"v(\d+)\.", version)
    if major is None:
        return fail("Node: not found", f"install Node {_NODE_MAJOR} or newer, the CDK CLI needs it")
    if int(major[1]) < _NODE_MAJOR:
        return fail(f"Node {version}", f"install Node {_NODE_MAJOR} or newer")
    return ok(f"Node {version}")


def _cdk(ask: Ask, root: Path) -> Check:
    wanted = json.loads((root / "package.json").read_text("utf-8"))["devDependencies"]["aws-cdk"]
    found = ask([str(root / "node_modules" / ".bin" / "cdk"), "--version"]).split(" ")[0]
    if not found:
        return fail("CDK CLI: not installed", _INSTALL)
    if found != wanted:
        return fail(f"CDK CLI {found}: {wanted} is what reads these templates", _INSTALL)
    return ok(f"CDK CLI {found}")


def _interpreter(stage: StageConfig) -> Check:
    if stage.on_host:
        return ok("bytecode: compiled by this interpreter, which runs the functions too")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said below, in the form of the other checks
        found = find_interpreter(PYTHON_VERSION)
    if found is None:
        cure = f"uv python install {PYTHON_VERSION}"
        return warn(f"no Python {PYTHON_VERSION} here: cold starts take longer", cure)
    return ok(f"bytecode: compiled by Python {PYTHON_VERSION}")
