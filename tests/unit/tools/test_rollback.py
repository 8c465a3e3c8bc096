"""Going back: which version each alias gets, and when an alarm is a release's doing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.unit.tools.cloud import Account, Answers, resource, stacks
from tools.deploy.errors import DeployError
from tools.rollback import Rollback, roll_back, watch

BEGAN = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
BEFORE = BEGAN - dt.timedelta(days=1)
AFTER = BEGAN + dt.timedelta(minutes=1)
MACHINE = "arn:aws:states:eu-central-1:1:stateMachine:Generate"


class NoSuchAliasError(Exception):
    """Lambda's ResourceNotFoundException."""


class Exceptions:
    ResourceNotFoundException = NoSuchAliasError


class Functions(Answers):
    """Lambda with versions by function: {name: (alias, [(version, at), …])}."""

    exceptions = Exceptions

    def __init__(self, **functions: tuple[str | None, list[tuple[int, dt.datetime]]]) -> None:
        def alias(FunctionName: str, Name: str) -> Any:  # noqa: N803
            number = functions[FunctionName][0]
            return {"FunctionVersion": number} if number else NoSuchAliasError()

        def versions(FunctionName: str) -> Any:  # noqa: N803
            known = [("$LATEST", AFTER), *functions[FunctionName][1]]
            return {
                "Versions": [
                    {"Version": str(n), "LastModified": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")}
                    for n, at in known
                ]
            }

        super().__init__(get_alias=alias, list_versions_by_function=versions, update_alias={})


def machines(live: int, *versions: tuple[int, dt.datetime]) -> Answers:
    listed = [
        {"stateMachineVersionArn": f"{MACHINE}:{n}", "creationDate": at} for n, at in versions
    ]
    return Answers(
        describe_state_machine_alias={
            "routingConfiguration": [{"stateMachineVersionArn": f"{MACHINE}:{live}"}]
        },
        list_state_machine_versions={"stateMachineVersions": listed},
        update_state_machine_alias={},
    )


def account(functions: Functions, states: Answers, *names: str, **pipeline: Any) -> Account:
    listed = [resource("AWS::Lambda::Function", name, name) for name in names]
    listed.append(resource("AWS::StepFunctions::StateMachineAlias", f"{MACHINE}:live"))
    stack = {"Resources": listed, "LastUpdatedTime": BEGAN} | pipeline
    return Account(
        **{"lambda": functions}, stepfunctions=states, cloudformation=stacks(pipeline=stack)
    )


def test_aliases_go_back_to_before_the_deployment_when_they_moved() -> None:
    functions = Functions(poll=("5", [(3, BEFORE - dt.timedelta(days=9)), (4, BEFORE), (5, AFTER)]))
    states = machines(8, (8, AFTER), (7, BEFORE), (6, BEFORE))
    said: list[str] = []

    moved = roll_back("prod", account(functions, states, "poll"), said.append, dry_run=False)

    assert moved == 2
    assert said[:2] == ["poll: 5 -> 4", "Generate: 8 -> 7"]
    assert functions.asked[-1] == (
        "update_alias", {"FunctionName": "poll", "Name": "live", "FunctionVersion": "4"}
    )  # fmt: skip
    assert states.asked[-1][1]["routingConfiguration"] == [
        {"stateMachineVersionArn": f"{MACHINE}:7", "weight": 100}
    ]


def test_function_stays_when_the_deployment_did_not_change_it() -> None:
    functions = Functions(poll=("4", [(3, BEFORE), (4, BEFORE)]))
    states = machines(7, (7, BEFORE), (6, BEFORE))

    assert Rollback("prod", account(functions, states, "poll")).moves() == []


def test_nothing_more_moves_when_it_went_back_before() -> None:
    functions = Functions(poll=("4", [(4, BEFORE), (5, AFTER)]))
    states = machines(7, (8, AFTER), (7, BEFORE))

    assert Rollback("prod", account(functions, states, "poll")).moves() == []


def test_new_function_stays_when_nothing_was_there_before_it() -> None:
    functions = Functions(new=("1", [(1, AFTER)]), bare=(None, []))
    states = machines(1, (1, AFTER))

    assert Rollback("prod", account(functions, states, "new", "bare")).moves() == []


def test_nothing_is_touched_when_it_is_a_dry_run() -> None:
    functions = Functions(poll=("5", [(4, BEFORE), (5, AFTER)]))
    states = machines(7, (7, BEFORE))
    said: list[str] = []

    roll_back("prod", account(functions, states, "poll"), said.append, dry_run=True)

    assert said[-1] == "1 aliases would be moved back."
    assert "update_alias" not in [name for name, _ in functions.asked]


def test_it_waits_for_cloudformation_when_a_deployment_is_under_way() -> None:
    busy = account(Functions(), machines(1), StackStatus="UPDATE_IN_PROGRESS")

    with pytest.raises(DeployError, match="UPDATE_IN_PROGRESS"):
        Rollback("prod", busy)


def test_it_says_so_when_the_stage_is_not_deployed() -> None:
    with pytest.raises(DeployError, match="no stack Dailies-prod-Pipeline"):
        Rollback("prod", Account(cloudformation=stacks()))


class Alarms:
    """CloudWatch whose alarm for releases rises after some looks."""

    def __init__(self, rises_at_look: int, updated_at: dt.datetime = AFTER) -> None:
        self.looks = 0
        self._rises = rises_at_look
        self._updated_at = updated_at

    def describe_alarms(self, *, AlarmNames: list[str], AlarmTypes: list[str]) -> Any:  # noqa: N803
        assert (AlarmNames, AlarmTypes) == (["dailies-prod-release"], ["CompositeAlarm"])
        self.looks += 1
        state = "ALARM" if self.looks >= self._rises else "OK"
        alarm = {"AlarmName": AlarmNames[0], "StateValue": state, "StateReason": "api-5xx"}
        return {"CompositeAlarms": [alarm | {"StateUpdatedTimestamp": self._updated_at}]}


class Time:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def watching(alarms: Alarms, began: dt.datetime = BEGAN) -> str:
    clock = Time()
    watched = account(Functions(), machines(1), LastUpdatedTime=began)
    watched.services["cloudwatch"] = alarms
    return watch("prod", watched, 15, sleep=clock.sleep, now=clock.now)


def test_reason_is_told_when_an_alarm_rises_after_a_release() -> None:
    assert watching(Alarms(3)) == "api-5xx"


def test_nothing_is_told_when_all_stays_quiet() -> None:
    alarms = Alarms(1000)

    assert watching(alarms) == ""
    assert alarms.looks == 46


def test_alarm_is_not_the_releases_doing_when_it_rose_before() -> None:
    assert watching(Alarms(1, updated_at=BEFORE)) == ""


def test_alarm_is_not_the_releases_doing_when_nothing_was_released() -> None:
    alarms = Alarms(1)

    assert watching(alarms, began=BEFORE) == ""
    assert alarms.looks == 0
