"""Executions on Step Functions: of jobs (`generate`), of tasks of enhancement, of deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dailies.adapters.aws_errors import THROTTLES, aws_call, code_of
from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import StorageError
from dailies.domain.ports import ExecutionStatus
from dailies.domain.steps import StepInput

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_QUOTAS = THROTTLES | {"ExecutionLimitExceeded"}
_WAIT_IS_OVER = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
_UNFINISHED = frozenset({"RUNNING", "PENDING_REDRIVE"})
_ABSENT = "ExecutionDoesNotExist"


class StepFunctionsWorkflow:
    """The Workflow port on one state machine.

    Args:
        state_machine_arn: of the machine, or of a version or an alias of it: a running execution
            keeps the definition that it was started with.
    """

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, job_id: str, run: int) -> bool:
        """Start run `run` of a job; False when the account's start quota is used up."""
        step_input = StepInput(job_id=job_id, run=run).model_dump_json()
        return _start(self._client, self._arn, _name(job_id, run), step_input)

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        """Tell what became of a run."""
        return _status(self._client, execution_arn(self._arn, _name(job_id, run)))

    def stop(self, job_id: str, run: int, cause: str) -> None:
        """Stop a run; harmless when it has ended, or never was."""
        arn = execution_arn(self._arn, _name(job_id, run))
        _stop(self._client, arn, error="RunStopped", cause=cause)

    def wake(self, token: str) -> None:
        """End the wait that holds `token`; harmless when it is over already."""
        with aws_call("wake an execution"):
            try:
                self._client.send_task_success(taskToken=token, output="{}")
            except ClientError as exc:
                if code_of(exc) not in _WAIT_IS_OVER:
                    raise


class StepFunctionsCompute:
    """The Compute port on one state machine (or a version or an alias of it)."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def status(self, task_id: str) -> ExecutionStatus:
        """Tell what became of a task's execution."""
        return _status(self._client, execution_arn(self._arn, task_id))

    def stop(self, task_id: str, cause: str) -> None:
        """Stop a task's execution; harmless when it has ended, or never was."""
        _stop(self._client, execution_arn(self._arn, task_id), error="TaskStopped", cause=cause)


class StepFunctionsDeliveryWorkflow:
    """The DeliveryWorkflow port on one state machine (or a version or an alias of it)."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, ref: DeliveryRef) -> None:
        """Start one delivery; starting it again is harmless.

        Raises:
            StorageError: it was not started.
        """
        if not _start(self._client, self._arn, ref.execution_name, ref.model_dump_json()):
            raise StorageError("the quota of starts is used up")


def execution_arn(state_machine_arn: str, name: str) -> str:
    """Return an execution's ARN; the version or alias it was started through is no part of it."""
    partition, region, account, machine = _machine(state_machine_arn)
    return f"arn:{partition}:states:{region}:{account}:execution:{machine}:{name}"


def _machine(state_machine_arn: str) -> tuple[str, str, str, str]:
    _, partition, _, region, account, _, machine = state_machine_arn.split(":", 7)[:7]
    return partition, region, account, machine


def _name(job_id: str, run: int) -> str:
    return f"{job_id}-{run}"


def _status(client: SFNClient, arn: str) -> ExecutionStatus:
    with aws_call("describe an execution"):
        try:
            answer = client.describe_execution(executionArn=arn)
        except ClientError as exc:
            if code_of(exc) == _ABSENT:
                return ExecutionStatus.ABSENT
            raise
    unfinished = answer["status"] in _UNFINISHED
    return ExecutionStatus.RUNNING if unfinished else ExecutionStatus.ENDED


def _stop(client: SFNClient, arn: str, *, error: str, cause: str) -> None:
    with aws_call("stop an execution"):
        try:
            client.stop_execution(executionArn=arn, error=error, cause=cause)
        except ClientError as exc:
            if code_of(exc) != _ABSENT:
                raise


def _start(client: SFNClient, arn: str, name: str, text: str) -> bool:
    """Start an execution unless one of that name was started before; False: over the quota."""
    with aws_call("start an execution"):
        try:
            client.start_execution(stateMachineArn=arn, name=name, input=text)
        except ClientError as exc:
            code = code_of(exc)
            if code in _QUOTAS:
                return False
            if code != "ExecutionAlreadyExists":
                raise
    return True
