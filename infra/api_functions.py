"""The functions behind the HTTP API."""

from __future__ import annotations

from constructs import Construct

from infra import grants as to
from infra.environment import Environment, PipelineParts, merge
from infra.media_bucket import OUTPUTS, POSTERS, UPLOADS
from infra.python_function import PythonFunction
from infra.state_machine import StateMachine

_API_S = 29
"""The gateway gives up after 30 s."""

_AUTHORIZE_S = 5
_CALLBACK_S = 10
_API_MB = 1024
_SMALL_MB = 256


class ApiFunctions(Construct):
    """Api, Authorize and ProviderCallback."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: PipelineParts,
        workflow: StateMachine,
        enhancement: StateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        self._parts = parts
        self._env = Environment(parts)
        self._workflow = workflow
        self._enhancement = enhancement
        self._machine_arn = {"STATE_MACHINE_ARN": workflow.start_arn}
        self.api = self._build_api()
        self.authorize = self._build_authorize()
        self.provider_callback = self._build_provider_callback()

    def _build_api(self) -> PythonFunction:
        env, parts, machine = self._env, self._parts, self._workflow
        compute = env.compute(self._enhancement.start_arn)
        return PythonFunction(
            self,
            "Api",
            sources=parts.sources,
            timeout_s=_API_S,
            memory_mb=_API_MB,
            environment=merge(
                env.table, env.bucket, env.offer, env.outbound, self._machine_arn, compute
            ),
            grants=[
                to.read_rows(parts.table),
                to.write_rows(parts.table),
                to.list_tenant(parts.table),
                # What a presigned address may do is what its signer may do.
                to.read_objects(parts.bucket, UPLOADS),
                to.read_objects(parts.bucket, OUTPUTS),
                to.read_objects(parts.bucket, POSTERS),
                to.put_objects(parts.bucket, UPLOADS),
                to.tell_missing_objects(parts.bucket),
                to.start_executions(machine.start_arn),
                to.watch_executions(machine.execution_arns),
                to.watch_executions(self._enhancement.execution_arns),
                to.wake_waits(machine.machine.state_machine_arn, parts.stage),
            ],
        )

    def _build_authorize(self) -> PythonFunction:
        return PythonFunction(
            self,
            "Authorize",
            sources=self._parts.sources,
            timeout_s=_AUTHORIZE_S,
            memory_mb=_SMALL_MB,
            environment=self._env.table,
            grants=[to.read_one_row(self._parts.table)],
        )

    def _build_provider_callback(self) -> PythonFunction:
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            "ProviderCallback",
            sources=parts.sources,
            timeout_s=_CALLBACK_S,
            memory_mb=_SMALL_MB,
            environment=merge(env.table, env.vendors, env.public_url, self._machine_arn),
            grants=[
                to.read_rows(parts.table),
                to.update_rows(parts.table),
                to.read_vendor_secrets(self, parts.stage),
                to.read_signing_secret(self, parts.stage),
                to.wake_waits(self._workflow.machine.state_machine_arn, parts.stage),
            ],
        )
