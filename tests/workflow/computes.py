"""AWS Batch and SageMaker for the interpreter: requests are checked, containers are scripted.

moto has Batch without containers, and no SageMaker behind its Step Functions at all; its JSONata
lacks `$parse`, which Step Functions adds, and breaks on quotes; what S3 streams it never reads. All
of it is made good here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import jsonata
import pytest
from botocore.validate import ParamValidator
from moto.batch_simple.models import BatchSimpleBackend
from moto.core.config import default_user_config
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_batch,
    state_task_service_callback,
    state_task_service_factory,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata

AwsSdk: Any = state_task_service_aws_sdk.StateTaskServiceAwsSdk
Batch: Any = state_task_service_batch.StateTaskServiceBatch
Callback: Any = state_task_service_callback.StateTaskServiceCallback
_DECLARE = "encode_jsonata_variable_declarations"
_FAIL = "MOTO_SIMPLE_BATCH_FAIL_AFTER"


@dataclass(frozen=True)
class SubmittedJob:
    """What a compute was asked to run."""

    name: str
    machines: str
    """The queue's name, or the type of the machine."""
    definition: str
    """Or the image."""
    command: list[str]
    size: int = 1

    @property
    def step(self) -> str:
        """The container's command."""
        return self.command[0]


Perform = Callable[[SubmittedJob], int]
"""Does what the container does, and returns its exit status."""


def documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `s3:getObject` answer with text, let text hold quotes, and let `$parse` read it."""

    def evaluate(expression: str) -> Any:
        found = jsonata.Jsonata(expression)
        found.register_lambda("parse", json.loads)
        return found.evaluate(None)

    declare = moto_jsonata.encode_jsonata_variable_declarations

    def declared(bindings: dict[str, Any]) -> str:
        texts = {name: value for name, value in bindings.items() if isinstance(value, str)}
        others = {name: value for name, value in bindings.items() if name not in texts}
        quoted = "".join(f"{name}:={json.dumps(value)};" for name, value in texts.items())
        return declare(others) + quoted

    def answered(self: Any, response: dict[str, Any], *rest: Any, **named: Any) -> None:
        if hasattr(response.get("Body"), "read"):
            response["Body"] = response["Body"].read().decode()

    monkeypatch.setattr(AwsSdk, "_normalise_response", answered)
    monkeypatch.setattr(moto_jsonata, "_eval_jsonata", evaluate)
    for module in list(sys.modules.values()):
        if hasattr(module, _DECLARE) and module.__name__.startswith("moto."):
            monkeypatch.setattr(module, _DECLARE, declared)


@dataclass
class Compute:
    """Runs scripted containers, and remembers what it was asked."""

    perform: Perform
    jobs: list[SubmittedJob] = field(default_factory=list)

    def run(self, job: SubmittedJob) -> bool:
        """Return whether the job succeeded."""
        self.jobs.append(job)
        return self.perform(job) == 0


def batch_jobs(compute: Compute, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto's Batch take jobs as it does, and end them as the compute says."""
    monkeypatch.setitem(default_user_config, "batch", {"use_docker": False})
    submit = BatchSimpleBackend.submit_job

    def scripted(self: Any, job_name: str, job_def_id: str, job_queue: str, **rest: Any) -> Any:
        job = SubmittedJob(
            job_name,
            job_queue.rpartition("/")[2],
            job_def_id.rpartition("/")[2],
            (rest.get("container_overrides") or {})["command"],
            rest["array_properties"].get("size", 1),
        )
        if compute.run(job):
            monkeypatch.delenv(_FAIL, raising=False)
        else:
            monkeypatch.setenv(_FAIL, "0")
        return submit(self, job_name, job_def_id, job_queue, **rest)

    monkeypatch.setattr(BatchSimpleBackend, "submit_job", scripted)
    evaluate = Batch._eval_service_task

    def by_its_names(self: Any, env: Any, normalised_parameters: Any, **rest: Any) -> None:
        evaluate(self, env=env, normalised_parameters=_renamed(normalised_parameters), **rest)
        env.stack[-1] = {"JobId": env.stack[-1]["jobId"]}

    monkeypatch.setattr(Batch, "_eval_service_task", by_its_names)


def _renamed(value: Any) -> Any:
    """Write the names of a request as the service does, which Step Functions writes in capitals."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _renamed(inner) for key, inner in value.items()}
    return [_renamed(inner) for inner in value] if isinstance(value, list) else value


def processing_jobs(compute: Compute, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for `sagemaker:createProcessingJob.sync`: the request must fit botocore's model."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    request = model.operation_model("CreateProcessingJob").input_shape
    assert request is not None

    class ProcessingJobs(Callback):
        def __init__(self) -> None:
            super().__init__(supported_integration_patterns={ResourceCondition.Sync})

        def _get_supported_parameters(self) -> set[str]:
            return set(request.members)

        def _eval_service_task(
            self, env: Any, resource_runtime_part: Any, normalised_parameters: Any, **_: Any
        ) -> None:
            report = ParamValidator().validate(normalised_parameters, request)
            assert not report.has_errors(), report.generate_report()
            env.stack.append(normalised_parameters)

        def _build_sync_resolver(self, env: Any, **_: Any) -> Callable[[], Any]:
            asked = env.stack.pop()
            application = asked["AppSpecification"]
            job = SubmittedJob(
                asked["ProcessingJobName"],
                asked["ProcessingResources"]["ClusterConfig"]["InstanceType"],
                application["ImageUri"],
                application["ContainerArguments"],
            )

            def resolve() -> Any:
                if compute.run(job):
                    return asked
                raise FailureEventException(_failure(env, self))

            return resolve

    monkeypatch.setattr(state_task_service_factory, "StateTaskServiceUnsupported", ProcessingJobs)


def _failure(env: Any, service: Any) -> FailureEvent:
    failed = StatesErrorNameType.StatesTaskFailed
    return FailureEvent(
        env=env,
        error_name=StatesErrorName(typ=failed),
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(
            taskFailedEventDetails=TaskFailedEventDetails(
                resource=service._get_sfn_resource(),
                resourceType=service._get_sfn_resource_type(),
                error=failed.to_name(),
                cause="The job failed.",
            )
        ),
    )
