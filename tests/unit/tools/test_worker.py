"""The command that says how to start a worker."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from cloud import Answers, refused

from enhance.worker.__main__ import _parser
from tools.worker import instructions

OUTPUTS = {
    "WorkerQueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/Queue",
    "WorkerPolicyArn": "arn:aws:iam::1:policy/Worker",
    "LeaseTaskArn": "arn:aws:lambda:eu-west-1:1:function:Lease:live",
    "FinishTaskArn": "arn:aws:lambda:eu-west-1:1:function:Finish:live",
}


def account(outputs: dict[str, str] | None) -> Any:
    """Return clients of an account with the stage's stack, or without one."""
    listed = [{"OutputKey": k, "OutputValue": v} for k, v in (outputs or {}).items()]
    stack = {"StackStatus": "UPDATE_COMPLETE", "Outputs": listed}
    absent = refused("ValidationError", "DescribeStacks")
    answers = Answers(describe_stacks=absent if outputs is None else {"Stacks": [stack]})
    return lambda service: answers


def test_command_is_one_that_the_worker_takes() -> None:
    lines = instructions("dev", client=account(OUTPUTS))

    words = shlex.split("\n".join(lines), comments=True)
    words = [word for word in words if word.strip()]
    assert words[:3] == ["python", "-m", "enhance.worker"]
    given = _parser().parse_args(words[3:])
    assert (given.queue, given.lease_function, given.finish_function) == (
        OUTPUTS["WorkerQueueUrl"],
        OUTPUTS["LeaseTaskArn"],
        OUTPUTS["FinishTaskArn"],
    )
    assert any(OUTPUTS["WorkerPolicyArn"] in line for line in lines)


@pytest.mark.parametrize(
    ("outputs", "told"), [(None, "no stack Dailies-dev-Pipeline"), ({}, "enhance_compute")]
)
def test_cure_is_named_when_there_is_no_queue(outputs: dict[str, str] | None, told: str) -> None:
    with pytest.raises(LookupError, match=told):
        instructions("dev", client=account(outputs))
