"""An account for the tools: moto where it knows a service, small fakes where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError


def refused(code: str, operation: str = "Operation") -> ClientError:
    """Return AWS's error of this code."""
    return ClientError({"Error": {"Code": code, "Message": f"{code}: does not exist"}}, operation)


def moto_client(service: str) -> Any:
    """Return a client of moto's account."""
    return boto3.client(
        service,
        region_name="eu-central-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


class Answers:
    """A client that gives prepared answers by operation; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation not in self._answers:
            raise AttributeError(operation)

        def call(**arguments: Any) -> Any:
            self.asked.append((operation, arguments))
            answer = self._answers[operation]
            answer = answer(**arguments) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, operation: str) -> Any:
        call = getattr(self, operation)

        class Pages:
            def paginate(self, **arguments: Any) -> list[Any]:
                return [call(**arguments)]

        return Pages()


class Account:
    """Clients by service: prepared ones, and no others."""

    def __init__(self, **services: Any) -> None:
        self.services = {name.replace("_", "-"): client for name, client in services.items()}

    def __call__(self, service: str) -> Any:
        return self.services[service]


def stacks(**by_name: dict[str, Any]) -> Answers:
    """Return CloudFormation with these stacks: `data={"StackStatus": …}`, and their templates."""

    def describe(StackName: str) -> Any:  # noqa: N803
        one = by_name.get(StackName.rsplit("-", 1)[1].lower())
        if one is None:
            return refused("ValidationError")
        return {"Stacks": [{"StackName": StackName, "StackStatus": "UPDATE_COMPLETE"} | one]}

    def template(StackName: str) -> Any:  # noqa: N803
        return {"TemplateBody": by_name[StackName.rsplit("-", 1)[1].lower()]["Template"]}

    def listed(StackName: str) -> Any:  # noqa: N803
        return {"StackResourceSummaries": by_name[StackName.rsplit("-", 1)[1].lower()]["Resources"]}

    return Answers(describe_stacks=describe, get_template=template, list_stack_resources=listed)


def resource(kind: str, physical_id: str, logical_id: str = "One") -> dict[str, str]:
    """Return one line of a stack's list of resources."""
    return {
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceType": kind,
    }
