"""Move a stage back to before its newest deployment: `python -m tools.rollback --stage prod`.

Every function and state machine is called through its alias `live`, and earlier versions are kept.
So going back is moving aliases: seconds, and nothing is built. What counts as before is what was
newest when the newest deployment of the stack began; doing it twice changes nothing more.

With `--watch-minutes 15` it waits first, and goes back only when the stage's alarm for releases
(`dailies-<stage>-release`) rises meanwhile: the delivery pipeline does that after each deployment.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_clients import client
from infra.stage import STAGE_NAMES
from tools.deploy.errors import DeployError, explain
from tools.deploy.stacks import Clients, Stack, find_stack, resources_of, stack_names

_ALIAS = "live"
_PAUSE_S = 20.0
_NEW = dt.timedelta(hours=2)
_ROLLED_BACK = 3
"""Exit status: an alarm rose, and the stage was moved back."""


@dataclass(frozen=True)
class Move:
    """One alias, from one version to an earlier one."""

    name: str
    old: str
    new: str
    apply: Callable[[], Any]

    def __str__(self) -> str:
        return f"{self.name}: {self.old} -> {self.new}"


class Rollback:
    """Moves the aliases of one stage."""

    def __init__(self, stage: str, clients: Clients) -> None:
        """Look at the stage.

        Raises:
            DeployError: it is not deployed, or being deployed now.
        """
        self._clients = clients
        self._stage = stage
        self._name = stack_names(stage)[1]
        stack = find_stack(clients, self._name)
        if stack is None:
            raise DeployError(f"There is no stack {self._name} in this account and region.")
        if stack.busy:
            raise DeployError(f"{self._name} is {stack.status}: wait until CloudFormation is done.")
        self.began_at = _began(stack)
        """When the newest deployment began."""

    def moves(self) -> list[Move]:
        """Return what has to be moved; nothing where everything is back already."""
        return [*self._functions(), *self._machines()]

    def risen(self) -> str:
        """Return why the stage's alarm for releases rose after the deployment began, or nothing."""
        cloudwatch = self._clients("cloudwatch")
        answer = cloudwatch.describe_alarms(
            AlarmNames=[f"dailies-{self._stage}-release"], AlarmTypes=["CompositeAlarm"]
        )
        for alarm in answer.get("CompositeAlarms", []):
            if alarm["StateValue"] == "ALARM" and alarm["StateUpdatedTimestamp"] >= self.began_at:
                return str(alarm.get("StateReason") or alarm["AlarmName"])
        return ""

    def _functions(self) -> Iterator[Move]:
        functions = self._clients("lambda")
        names = resources_of(self._clients, self._name, "AWS::Lambda::Function").values()
        for name in sorted(names):
            try:
                now = functions.get_alias(FunctionName=name, Name=_ALIAS)["FunctionVersion"]
            except functions.exceptions.ResourceNotFoundException:
                continue  # called without an alias: nothing depends on it
            pages = functions.get_paginator("list_versions_by_function")
            versions = {
                int(one["Version"]): _time(one["LastModified"])
                for page in pages.paginate(FunctionName=name)
                for one in page["Versions"]
                if one["Version"] != "$LATEST"
            }
            before = [number for number, at in versions.items() if at < self.began_at]
            if before and int(now) > max(before):
                new = str(max(before))
                yield Move(
                    name, now, new, _deferred(
                        functions.update_alias, FunctionName=name, Name=_ALIAS, FunctionVersion=new
                    )
                )  # fmt: skip

    def _machines(self) -> Iterator[Move]:
        states = self._clients("stepfunctions")
        kind = "AWS::StepFunctions::StateMachineAlias"
        for alias in sorted(resources_of(self._clients, self._name, kind).values()):
            described = states.describe_state_machine_alias(stateMachineAliasArn=alias)
            now = described["routingConfiguration"][0]["stateMachineVersionArn"]
            machine = now.rpartition(":")[0]
            versions = states.list_state_machine_versions(stateMachineArn=machine)
            before = [
                one["stateMachineVersionArn"]
                for one in versions["stateMachineVersions"]  # newest first
                if one["creationDate"] < self.began_at
            ]
            if before and _number(now) > _number(before[0]):
                routing = [{"stateMachineVersionArn": before[0], "weight": 100}]
                yield Move(
                    machine.rpartition(":")[2], str(_number(now)), str(_number(before[0])),
                    _deferred(
                        states.update_state_machine_alias,
                        stateMachineAliasArn=alias, routingConfiguration=routing,
                    ),
                )  # fmt: skip


def roll_back(stage: str, clients: Clients, say: Callable[[str], None], *, dry_run: bool) -> int:
    """Move every alias back, and return how many there were to move."""
    moves = Rollback(stage, clients).moves()
    for move in moves:
        say(str(move))
        if not dry_run:
            move.apply()
    say(f"{len(moves)} aliases {'would be' if dry_run else 'were'} moved back.")
    return len(moves)


def watch(
    stage: str,
    clients: Clients,
    minutes: float,
    *,
    sleep: Callable[[float], None] = time.sleep,  # noqa: TID251 - a tool waits for itself
    now: Callable[[], float] = time.monotonic,
) -> str:
    """Return why the alarm for releases rose within some minutes, or nothing."""
    rollback, ends = Rollback(stage, clients), now() + 60 * minutes
    if dt.datetime.now(dt.UTC) - rollback.began_at > _NEW:
        return ""  # nothing was deployed just now, so that no alarm can be its doing
    while True:
        risen = rollback.risen()
        if risen or now() >= ends:
            return risen
        sleep(_PAUSE_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Roll back; return the exit status: 0 done or nothing to do, 1 not done, 3 an alarm rose."""
    parser = argparse.ArgumentParser(prog="python -m tools.rollback", description=__doc__)
    parser.add_argument("--stage", required=True, choices=STAGE_NAMES)
    parser.add_argument("--dry-run", action="store_true", help="say what would be moved")
    parser.add_argument("--watch-minutes", type=float, help="only if an alarm rises")
    given = parser.parse_args(arguments)
    try:
        if given.watch_minutes is not None:
            risen = watch(given.stage, client, given.watch_minutes)
            if not risen:
                print(f"No alarm rose within {given.watch_minutes:g} minutes.")
                return 0
            print(f"An alarm rose ({risen}). Rolling back.")
        roll_back(given.stage, client, print, dry_run=given.dry_run)
    except (DeployError, BotoCoreError, ClientError) as exc:
        reason = str(exc) if isinstance(exc, DeployError) else explain(exc)
        print(f"\nNot rolled back. {reason}", file=sys.stderr)
        return 1
    return 0 if given.watch_minutes is None else _ROLLED_BACK


def _deferred(call: Callable[..., Any], **arguments: Any) -> Callable[[], Any]:
    return lambda: call(**arguments)


def _began(stack: Stack) -> dt.datetime:
    if stack.changed_at is None:
        raise DeployError(f"CloudFormation does not say when {stack.name} was deployed.")
    return stack.changed_at


def _time(text: str) -> dt.datetime:
    """Read Lambda's own form of a time, `2026-11-20T12:00:00.000+0000`."""
    return dt.datetime.fromisoformat(text)


def _number(version_arn: str) -> int:
    return int(version_arn.rpartition(":")[2])


if __name__ == "__main__":
    sys.exit(main())
