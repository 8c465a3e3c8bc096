"""A workflow: its definition file, checked against what it is given, and its role."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra import grants as to
from infra.grants import Grant
from infra.log_group import build_log_group
from infra.nag import acknowledge
from infra.python_function import PythonFunction
from infra.role import build_role, drop_role_dependency
from infra.stage import StageConfig

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_COMPUTED_TIMEOUT = re.compile(r'"TimeoutSeconds":\s*"\{%')
_ALIAS = "live"
_WHY_ERRORS_ONLY = (
    "Errors only, without execution data: the ledger's events are the log of a job, and "
    "logging every state would cost more than running it."
)


class StateMachine(Construct):
    """One Standard workflow from `state_machines/<name>.asl.json`.

    Every function in `tasks` fills the placeholder `<ConstructId>FunctionArn`; `values` fill the
    others. `start_arn` is what to start: the alias where there is one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        definition: Path,
        tasks: Sequence[PythonFunction],
        values: Mapping[str, str] | None = None,
        grants: Sequence[Grant] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        functions = {f"{task.node.id}FunctionArn": task.alias.function_arn for task in tasks}
        mapping = {**functions, **(values or {})}
        text = definition.read_text(encoding="utf-8")
        check_placeholders(text, set(mapping), definition.name)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(text),
            definition_substitutions=mapping,
            logs=self._build_logs(stage, definition.name.split(".")[0]),
            role=build_role(
                self,
                "Role",
                service="states.amazonaws.com",
                grants=[_invoke(tasks), to.trace_workflow(), to.deliver_logs(), *grants],
            ),
            tracing_enabled=True,
        )
        self._resource = cast(sfn.CfnStateMachine, self.machine.node.default_child)
        drop_role_dependency(self._resource)
        if _COMPUTED_TIMEOUT.search(text):
            # cfn-lint takes computed time-outs, which JSONata allows, for errors.
            self._resource.add_metadata("cfn-lint", {"config": {"ignore_checks": ["E3601"]}})
        acknowledge(self.machine, "SF1", _WHY_ERRORS_ONLY)
        alias = self._build_alias() if stage.machine_aliases else None
        self.start_arn = alias.ref if alias else self.machine.state_machine_arn

    @property
    def execution_arns(self) -> str:
        """The pattern that fits every execution of this machine."""
        return Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self.machine.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _build_logs(self, stage: StageConfig, name: str) -> sfn.LogOptions:
        # Below `/aws/vendedlogs`: other names fill the account's one log delivery policy.
        path = f"/aws/vendedlogs/states/dailies/{stage.name}/{name}"
        return sfn.LogOptions(
            destination=build_log_group(self, "Log", stage=stage, name=path),
            level=sfn.LogLevel.ERROR,
            include_execution_data=False,
        )

    def _build_alias(self) -> sfn.CfnStateMachineAlias:
        """Publish this revision and point the alias at it; earlier versions stay for roll-backs."""
        version = sfn.CfnStateMachineVersion(
            self,
            "Version",
            state_machine_arn=self._resource.ref,
            state_machine_revision_id=self._resource.attr_state_machine_revision_id,
        )
        version.apply_removal_policy(RemovalPolicy.RETAIN)
        return sfn.CfnStateMachineAlias(
            self,
            "Live",
            name=_ALIAS,
            deployment_preference=sfn.CfnStateMachineAlias.DeploymentPreferenceProperty(
                state_machine_version_arn=version.ref, type="ALL_AT_ONCE"
            ),
        )


def check_placeholders(text: str, mapped: set[str], file_name: str) -> None:
    """Accept a definition whose placeholders are exactly the names that get a value.

    Raises:
        ValueError: It asks for another value, or has no use for one.
    """
    wanted = set(_PLACEHOLDER.findall(text))
    if wanted != mapped:
        raise ValueError(
            f"{file_name}: without a value: {sorted(wanted - mapped)}; "
            f"without a use: {sorted(mapped - wanted)}"
        )


def _invoke(tasks: Sequence[PythonFunction]) -> Grant:
    arns = tuple(task.alias.function_arn for task in tasks)
    return Grant(("lambda:InvokeFunction",), arns)
