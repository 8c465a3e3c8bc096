"""The templates of every stage, synthesized once per session with empty code and layers."""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from aws_cdk import App

from infra.artifacts import Artifacts
from infra.cloud import build_stacks
from infra.stage import STAGE_NAMES, stage_config

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Template:
    """One synthesized template."""

    body: dict[str, Any]
    path: Path

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a type by logical id."""
        found = self.body["Resources"].items()
        return {name: resource for name, resource in found if resource["Type"] == kind}

    def properties(self, kind: str) -> list[dict[str, Any]]:
        """Return the properties of each resource of a type."""
        return [resource["Properties"] for resource in self.of_type(kind).values()]

    def the_one(self, kind: str) -> dict[str, Any]:
        """Return the properties of the only resource of a type."""
        (properties,) = self.properties(kind)
        return properties

    def functions(self) -> dict[str, dict[str, Any]]:
        """Return the properties of each function of the product by its handler module."""
        return {
            properties["Handler"].split(".")[2]: properties
            for properties in self.properties("AWS::Lambda::Function")
            if properties["Handler"].startswith("dailies.")
        }


@dataclass(frozen=True)
class Stage:
    """Both templates of a stage."""

    name: str
    data: Template
    pipeline: Template


@functools.cache
def synthesize(name: str) -> Stage:
    """Synthesize a stage with cdk-nag on; a finding that nobody acknowledged raises."""
    scratch = Path(tempfile.mkdtemp(prefix="dailies-infra-"))
    empty = scratch / "empty"
    empty.mkdir()
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=str(scratch / "out"), context=context | {"aws:cdk:bundling-stacks": []})
    stacks = build_stacks(app, stage_config(name), Artifacts(empty, empty, empty))
    assembly = app.synth()
    data, pipeline = (
        Template(artifact.template, Path(artifact.template_full_path))
        for artifact in (assembly.get_stack_artifact(stack.artifact_id) for stack in stacks)
    )
    return Stage(name, data, pipeline)


@pytest.fixture(scope="session")
def prod() -> Stage:
    """The stage with everything on."""
    return synthesize("prod")


@pytest.fixture(scope="session")
def local() -> Stage:
    """The stage that leaves out what the emulator lacks."""
    return synthesize("local")


@pytest.fixture(scope="session", params=STAGE_NAMES)
def stage(request: pytest.FixtureRequest) -> Stage:
    """Each stage in turn."""
    return synthesize(request.param)


def statements(role: dict[str, Any]) -> set[tuple[str, str]]:
    """Return what a role allows as pairs of action and resource, resources in short form."""
    pairs: set[tuple[str, str]] = set()
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            for action in _listed(statement["Action"]):
                pairs |= {(action, short(r)) for r in _listed(statement["Resource"])}
    return pairs


def short(value: Any) -> str:
    """Write an ARN or a reference so that a person can read it, without partition and account."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    match function:
        case "Fn::Join":
            text = argument[0].join(short(part) for part in argument[1])
            return text.replace("arn:AWS::Partition:", "").replace(
                ":AWS::Region:AWS::AccountId:", ":"
            )
        case "Fn::GetAtt":
            stream = "Stream" if argument[1] == "StreamArn" else ""
            return _without_hash(argument[0]) + stream
        case "Ref":
            return _without_hash(argument)
        case "Fn::ImportValue":
            name = argument.split("ExportsOutput")[1].removeprefix("FnGetAtt").removeprefix("Ref")
            return _without_hash(name) + ("Stream" if "StreamArn" in name else "")
        case "Fn::Sub":
            return argument.replace("${AWS::AccountId}-${AWS::Region}", "here")
        case "Fn::Select":
            return short(argument[1]["Fn::Split"][1])
        case _:
            raise AssertionError(function)


def _without_hash(logical_id: str) -> str:
    name = re.sub(r"[0-9A-F]{8}.*$", "", logical_id)
    return name or logical_id


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
