"""Rules that every definition keeps, read from the files alone."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dailies.domain.jobs import JobRequest
from dailies.domain.steps import FailureResult, Outcome
from dailies.domain.waiting import SUBMIT_FUNCTION_TIMEOUT_S
from dailies.handlers import boundary

ROOT = Path(__file__).parents[2]
MACHINES = sorted((ROOT / "state_machines").glob("*.asl.json"))
GENERATE = ROOT / "state_machines" / "generate.asl.json"
OURS = {"Throttled", "Transient", "Permanent"}
LAMBDAS = {
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
}
STATES = {"States.ALL", "States.Timeout", "States.TaskFailed"}
DYNAMODBS = {"DynamoDb.ConditionalCheckFailedException"}
FUNCTION_TIMEOUTS_S = {
    **{"Plan": 30, "Settle": 30, "Notify": 30, "Fail": 30},
    **{"Submit": 90, "Resolve": 90, "Poll": 90, "Store": 900, "Probe": 300},
    **{"Check": 300, "Enhance": 30, "TakeEnhanced": 30},
}
"""What `infra/steps.py` may give each function at most."""

each = pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.name.split(".")[0])


@cache
def machine(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def states(path: Path) -> dict[str, dict[str, Any]]:
    return machine(path)["States"]


def tasks(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states(path).items():
        if state["Type"] == "Task":
            yield name, state


def invocations(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in tasks(path):
        if state["Resource"].endswith("lambda:invoke"):
            yield name, state


def targets(state: dict[str, Any]) -> list[str]:
    followers = [state[key] for key in ("Next", "Default") if key in state]
    followers += [rule["Next"] for rule in state.get("Choices", [])]
    return followers + [catcher["Next"] for catcher in state.get("Catch", [])]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != "Comment":
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


# ------------------------------------------------------------ every definition


def test_there_are_definitions() -> None:
    assert [path.name.removesuffix(".asl.json") for path in MACHINES] == [
        "deliver_webhook",
        "enhance_batch",
        "enhance_sagemaker",
        "enhance_workers",
        "generate",
    ]


@each
def test_validator_accepts_it(path: Path) -> None:
    validator = ROOT / "node_modules" / ".bin" / "asl-validator"
    ran = subprocess.run(
        [validator, "--json-path", path], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@each
def test_it_speaks_jsonata_only(path: Path) -> None:
    assert machine(path)["QueryLanguage"] == "JSONata"
    pathlike = {"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector"}
    for name, state in states(path).items():
        assert not pathlike & set(state), name


@each
def test_every_state_can_be_reached_and_every_name_exists(path: Path) -> None:
    seen, todo = set[str](), [machine(path)["StartAt"]]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += targets(states(path)[name])
    assert seen == set(states(path))


@each
def test_whole_execution_is_bounded_in_time(path: Path) -> None:
    assert machine(path)["TimeoutSeconds"] > 0


@each
def test_every_task_has_a_time_limit_and_a_way_to_fail(path: Path) -> None:
    for name, state in tasks(path):
        assert "TimeoutSeconds" in state, name
        caught = [error for catcher in state["Catch"] for error in catcher["ErrorEquals"]]
        assert caught[-1] == "States.ALL", name


@each
def test_every_invocation_is_retried_for_named_errors_only(path: Path) -> None:
    for name, state in invocations(path):
        retried = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
        assert retried, name
        assert not retried & {"States.ALL", "States.TaskFailed", "Permanent"}, name
        for retrier in state["Retry"]:
            assert 1 <= retrier["MaxAttempts"] <= 10, name
            assert retrier["JitterStrategy"] == "FULL", name


@each
def test_error_names_are_ones_that_something_raises(path: Path) -> None:
    assert {error.__name__ for error in (boundary.Throttled, boundary.Transient)} < OURS
    assert boundary.Permanent.__name__ in OURS
    for name, state in tasks(path):
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]:
            assert set(rule["ErrorEquals"]) <= OURS | LAMBDAS | STATES | DYNAMODBS, name


@each
def test_every_function_has_its_states_name(path: Path) -> None:
    for name, state in invocations(path):
        function = state["Arguments"]["FunctionName"]
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        if path == GENERATE:
            assert function == f"${{{name}FunctionArn}}"
            assert (ROOT / "functions" / "dailies" / "services" / f"{module}.py").is_file()
        called = function.removeprefix("${").removesuffix("FunctionArn}")
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", called).lower()
        assert (ROOT / "functions" / "dailies" / "handlers" / f"{module}.py").is_file()


@each
def test_placeholders_are_the_only_addresses(path: Path) -> None:
    for text in texts(machine(path)):
        assert "://" not in text
        assert not re.search(r"arn:aws:(?!states:::)", text)
        assert "secret" not in text.lower()


_LEADS_ON = {"Submit", "Await", "Poll", "Check", "Compute"}
"""Their errors lead on: to the look-up, the poll, a plain wait, the video as it is, the report."""
_TRUTH = {"ReadReport"}
"""What it reads decides, whatever led to it."""


@each
def test_failure_path_never_ends_as_success(path: Path) -> None:
    for name, state in tasks(path):
        if name in _LEADS_ON:
            continue
        for catcher in state["Catch"]:
            assert not _may_succeed(path, catcher["Next"]), name


def _may_succeed(path: Path, name: str) -> bool:
    reached, todo = set[str](), [name]
    while todo:
        current = todo.pop()
        if current not in reached | _TRUTH:
            reached.add(current)
            todo += targets(states(path)[current])
    return any(states(path)[end]["Type"] == "Succeed" for end in reached)


@each
def test_every_loop_is_counted(path: Path) -> None:
    """Without the choices that compare a counter, the graph of states has no cycle."""
    counted = {
        name
        for name, state in states(path).items()
        if state["Type"] == "Choice"
        and re.search(r"\$rounds\s*>", state["Choices"][0]["Condition"])
    }
    after = {n: [t for t in targets(s) if t not in counted] for n, s in states(path).items()}
    order: dict[str, bool] = {}

    def visit(name: str) -> None:
        assert order.get(name, True), f"a loop that nothing counts goes through {name}"
        if name not in order:
            order[name] = False
            for follower in after[name]:
                visit(follower)
            order[name] = True

    for name in after:
        if name not in counted:
            visit(name)


# ------------------------------------------------------------ the life of a job


def test_tasks_outlast_their_functions() -> None:
    for name, state in invocations(GENERATE):
        assert state["TimeoutSeconds"] > FUNCTION_TIMEOUTS_S[name], name
    assert FUNCTION_TIMEOUTS_S["Submit"] == SUBMIT_FUNCTION_TIMEOUT_S


def test_submit_is_retried_only_where_the_vendor_certainly_did_not_accept() -> None:
    submit = states(GENERATE)["Submit"]
    (retrier,) = submit["Retry"]
    (catcher,) = submit["Catch"]

    assert retrier["ErrorEquals"] == ["Transient", "Lambda.TooManyRequestsException"]
    assert (catcher["ErrorEquals"], catcher["Next"]) == (["States.ALL"], "Resolve")


def test_other_steps_share_one_retry() -> None:
    blocks = {
        json.dumps([{**r, "ErrorEquals": sorted(r["ErrorEquals"])} for r in state["Retry"]])
        for name, state in invocations(GENERATE)
        if name not in {"Submit", "Poll", "Check"}
    }
    (block,) = blocks
    names = set(json.loads(block)[0]["ErrorEquals"])
    poll = set(states(GENERATE)["Poll"]["Retry"][0]["ErrorEquals"])
    assert names == {"Transient", "Throttled", *LAMBDAS}
    check = set(states(GENERATE)["Check"]["Retry"][0]["ErrorEquals"])
    assert names - poll == {"Lambda.TooManyRequestsException"}, "a throttled poller waits instead"
    killed = {"Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"}
    assert names - check == killed, "what kills Check is in the video, and would kill it again"


def test_steps_get_references_only() -> None:
    for name, state in invocations(GENERATE):
        payload = state["Arguments"]["Payload"]
        wanted = "{% $states.context.Execution.Input %}"
        if name == "Fail":
            wanted = (
                "{% $merge([$states.context.Execution.Input, "
                "{'step': $failed_step, 'error': $error}]) %}"
            )
        assert payload == wanted, name


AFTER = sorted(n for n in states(GENERATE) if n.startswith("After") and n != "AfterBreathe")


@pytest.mark.parametrize("name", AFTER)
def test_every_outcome_leads_somewhere(name: str) -> None:
    state = states(GENERATE)[name]
    named = {
        match[1]: rule["Next"]
        for rule in state["Choices"]
        if (match := re.fullmatch(r"\{% \$outcome = '(\w+)' %\}", rule["Condition"]))
    }
    assert set(named) <= set(Outcome)
    assert named["end"] == "Fail"
    assert named["done"] == "Done"
    assert named["superseded"] == "Superseded"
    steps = {word: next_state for word, next_state in named.items() if word not in _ENDS}
    for word, next_state in steps.items():
        assert next_state == _DETOURS.get((name, word), _state_of(word)), word
    assert state["Default"] == ("UnknownOutcome" if name == "AfterPlan" else "Plan")


_ENDS = {"end", "done", "superseded"}
_DETOURS = {("AfterProbe", "settle"): "Check", ("AfterTakeEnhanced", "enhance"): "Pause"}
"""Where a word names what comes after the next state: the one is older than Check, which lies on
the way; before another try there is a pause."""


def _state_of(word: str) -> str:
    return "".join(part.title() for part in word.split("_"))


def test_computing_ends_in_its_report_whatever_happens() -> None:
    compute = states(GENERATE)["Compute"]
    (catcher,) = compute["Catch"]
    assert catcher == {"ErrorEquals": ["States.ALL"], "Next": "TakeEnhanced"}
    assert compute["Next"] == "TakeEnhanced"
    assert "Retry" not in compute, "the same name cannot be started again"
    assert compute["Arguments"]["Name"] == "{% $task.task_id %}"
    assert compute["Arguments"]["Input"] == "{% $task %}"


def test_check_never_stops_a_job() -> None:
    (catcher,) = states(GENERATE)["Check"]["Catch"]
    assert (catcher["ErrorEquals"], catcher["Next"]) == (["States.ALL"], "Enhance")


def test_plan_leads_to_every_state_that_the_ledger_can_name() -> None:
    text = json.dumps(states(GENERATE)["AfterPlan"])
    never = {Outcome.PLAN, Outcome.AWAIT, Outcome.COMPUTE, Outcome.TAKE_ENHANCED}
    """Plan reserves an attempt instead of saying `plan`; the others are said by one step each."""
    assert all(f"'{word}'" in text for word in set(Outcome) - never)


def test_failures_end_under_the_names_that_the_failure_path_returns() -> None:
    failed = states(GENERATE)["Failed"]
    assert (failed["Type"], failed["Error"], failed["Cause"]) == (
        "Fail",
        "{% $error %}",
        "{% $cause %}",
    )
    assert "RunFailed" in str(FailureResult.model_fields["error"].annotation)


def test_wait_begins_only_where_no_signal_came_and_the_run_owns_the_job() -> None:
    wait = states(GENERATE)["Await"]
    assert wait["Resource"].endswith("aws-sdk:dynamodb:updateItem.waitForTaskToken")
    assert wait["Arguments"]["ConditionExpression"] == "signal_seq = :seen AND #run = :run"
    assert wait["Arguments"]["UpdateExpression"] == "SET #token = :token"
    assert wait["Catch"][0]["Next"] == wait["Next"] == "Poll"
    assert wait["TimeoutSeconds"] == "{% $wait_s %}"


def test_execution_outlasts_the_longest_deadline() -> None:
    longest_s = next(
        limit.le for limit in JobRequest.model_fields["deadline_s"].metadata if hasattr(limit, "le")
    )
    assert machine(GENERATE)["TimeoutSeconds"] > longest_s


# ------------------------------------------------------------ what is written about them


@each
def test_readme_names_every_state_and_error(path: Path) -> None:
    readme = (ROOT / "state_machines" / "README.md").read_text("utf-8")
    for name, state in states(path).items():
        assert re.search(rf"\b{name}\b", readme), name
        if state["Type"] == "Fail" and not state["Error"].startswith("{%"):
            assert f"`{state['Error']}`" in readme, state["Error"]
