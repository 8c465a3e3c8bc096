"""Delete a stage: `python -m tools.destroy --stage dev`. What it keeps, and why, it says first.

The pipeline goes in every stage. The data goes only where the stage does not retain it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from dailies.adapters.aws_clients import client
from infra.stage import STAGE_NAMES, StageConfig, stage_config
from tools.deploy.errors import DeployError, explain
from tools.deploy.stacks import (
    Clients,
    deployed_template,
    find_stack,
    resources_of,
    stack_names,
)

_WHY = {
    "AWS::DynamoDB::GlobalTable": "the ledger: every job, what it cost, and every API key",
    "AWS::S3::Bucket": "uploads and results",
    "AWS::SecretsManager::Secret": "vendors' credentials, and our signing keys",
    "AWS::Logs::LogGroup": "logs, until their retention ends them",
    "AWS::SQS::Queue": "messages that nobody has handled yet",
}
_WITH_THEIR_PARENT = {
    "AWS::Lambda::Version",
    "AWS::StepFunctions::StateMachineVersion",
}
"""Retained when they are replaced, for roll-backs; they go with what they are versions of."""


@dataclass(frozen=True)
class Kept:
    """Resources of a type that stay."""

    kind: str
    names: list[str]

    def __str__(self) -> str:
        why = _WHY.get(self.kind, "the template retains it")
        return f"  {len(self.names)} x {self.kind}: {why}\n      " + "\n      ".join(self.names)


class Destruction:
    """Deletes the stacks of one stage."""

    def __init__(
        self,
        stage: StageConfig,
        clients: Clients,
        say: Callable[[str], None],
        confirm: Callable[[str], str],
    ) -> None:
        """Describe it; `confirm` asks and returns what was typed."""
        self._stage = stage
        self._clients = clients
        self._say = say
        self._confirm = confirm
        self._data, self._pipeline = stack_names(stage.name)

    def run(self) -> None:
        """Say what goes and what stays, ask, and delete.

        Raises:
            DeployError: nothing was deleted, or not everything; the message names the cure.
        """
        there = [n for n in (self._pipeline, self._data) if find_stack(self._clients, n)]
        going = [n for n in there if n == self._pipeline or not self._stage.retain_data]
        if not going:
            raise DeployError(f"There is nothing to delete of the stage {self._stage.name} here.")
        self._say(f"To be deleted: {', '.join(going)}")
        kept = [one for name in there for one in self._kept(name, name in going)]
        if kept:
            self._say("Kept:")
        for one in kept:
            self._say(str(one))
        self._refuse_running()
        name = self._stage.name
        if self._confirm(f"Type the stage's name to delete it ({name}): ").strip() != name:
            raise DeployError("Nothing was deleted: that is not the stage's name.")
        for stack in going:
            self._delete(stack)
        if kept:
            self._say("How to remove the rest: docs/deploying.md, 'Removing what was kept'.")

    def _kept(self, name: str, going: bool) -> list[Kept]:
        template = deployed_template(self._clients, name)["Resources"]
        found: dict[str, list[str]] = {}
        for kind in sorted({resource["Type"] for resource in template.values()}):
            if kind in _WITH_THEIR_PARENT:
                continue
            names = resources_of(self._clients, name, kind)
            for logical_id, physical_id in sorted(names.items()):
                retained = template.get(logical_id, {}).get("DeletionPolicy") == "Retain"
                if retained or (not going and kind in _WHY):
                    found.setdefault(kind, []).append(physical_id)
        return [Kept(kind, names) for kind, names in found.items()]

    def _refuse_running(self) -> None:
        """Leave jobs that somebody pays for to their end."""
        machines = (
            resources_of(self._clients, self._pipeline, "AWS::StepFunctions::StateMachine")
            if find_stack(self._clients, self._pipeline)
            else {}
        )
        states = self._clients("stepfunctions")
        for arn in machines.values():
            running = states.list_executions(
                stateMachineArn=arn, statusFilter="RUNNING", maxResults=1
            )["executions"]
            if running:
                raise DeployError(
                    f"Nothing was deleted: {arn} is at work. Cancel its jobs or let them end."
                )

    def _delete(self, name: str) -> None:
        if name == self._data:
            for bucket in resources_of(self._clients, name, "AWS::S3::Bucket").values():
                self._say(f"Emptying the bucket {bucket} ...")
                empty_bucket(self._clients("s3"), bucket)
        self._say(f"Deleting {name} ...")
        cloudformation = self._clients("cloudformation")
        cloudformation.delete_stack(StackName=name)
        try:
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=name)
        except WaiterError as exc:
            raise DeployError(
                f"{name} was not deleted: see its events in the CloudFormation console,"
                " then run the same command again."
            ) from exc


def empty_bucket(s3: Any, bucket: str) -> None:
    """Delete every object and every version of it."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})


def main(arguments: Sequence[str] | None = None) -> int:
    """Delete a stage; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.destroy", description="Delete a stage.")
    parser.add_argument("--stage", required=True, choices=STAGE_NAMES)
    stage = stage_config(parser.parse_args(arguments).stage)
    try:
        Destruction(stage, client, print, input).run()
    except DeployError as exc:
        print(f"\n{exc}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as exc:
        print(f"\n{explain(exc)}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\nInterrupted. The same command goes on from there.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
