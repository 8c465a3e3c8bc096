"""The stacks of a stage as CloudFormation knows them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Clients = Callable[[str], Any]
"""Makes the client of an AWS service: the only way from these tools to an account."""


@dataclass(frozen=True)
class Stack:
    """One deployed stack."""

    name: str
    status: str
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    changed_at: dt.datetime | None = None
    """When its newest deployment began."""

    @property
    def busy(self) -> bool:
        """Whether CloudFormation is working on it."""
        return self.status.endswith("_IN_PROGRESS")


def stack_names(stage: str) -> tuple[str, str]:
    """Return the names of a stage's stacks: data, then what works on it."""
    return f"Dailies-{stage}-Data", f"Dailies-{stage}-Pipeline"


def find_stack(clients: Clients, name: str) -> Stack | None:
    """Return the stack, or None where there is none of that name."""
    try:
        answer = clients("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as exc:
        if "does not exist" in str(exc):
            return None
        raise
    if answer["StackStatus"] == "DELETE_COMPLETE":
        return None
    outputs = {one["OutputKey"]: one["OutputValue"] for one in answer.get("Outputs", ())}
    changed_at = answer.get("LastUpdatedTime") or answer.get("CreationTime")
    return Stack(name, answer["StackStatus"], outputs, changed_at)


def deployed_template(clients: Clients, name: str) -> dict[str, Any]:
    """Return the template that a stack was deployed from."""
    answer = clients("cloudformation").get_template(StackName=name)
    body: Any = answer["TemplateBody"]
    if isinstance(body, str):
        body = json.loads(body)
    return body


def resources_of(clients: Clients, name: str, kind: str) -> dict[str, str]:
    """Return a stack's resources of a type: physical id by logical id."""
    pages = clients("cloudformation").get_paginator("list_stack_resources")
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages.paginate(StackName=name)
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] == kind and one.get("PhysicalResourceId")
    }
