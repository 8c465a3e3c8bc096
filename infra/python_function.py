"""The one builder of Lambda functions; what differs between them is an argument."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants as to
from infra.grants import Grant
from infra.log_group import build_log_group
from infra.nag import acknowledge
from infra.role import build_role, drop_role_dependency
from infra.stage import StageConfig

_RUNTIME = lambda_.Runtime.PYTHON_3_13
_ALIAS = "live"
METRICS_VARIABLE = "POWERTOOLS_METRICS_NAMESPACE"
"""What Powertools reads."""


@dataclass(frozen=True, slots=True)
class FunctionSources:
    """What every function of the stage is made of."""

    stage: StageConfig
    code: lambda_.Code
    base_layer: lambda_.ILayerVersion | None
    media_layer: lambda_.ILayerVersion | None


class PythonFunction(Construct):
    """One handler with a role of its own that may write its own log, and what `grants` adds.

    The construct id names the handler: `ProviderCallback` runs
    `dailies.handlers.provider_callback.handler`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        sources: FunctionSources,
        timeout_s: int,
        memory_mb: int,
        environment: Mapping[str, str],
        grants: Sequence[Grant],
        decodes_media: bool = False,
        dead_letters: sqs.IQueue | None = None,
        reserved_concurrency: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._sources = sources
        self.module = re.sub(r"(?<!^)(?=[A-Z])", "_", construct_id).lower()
        log_group = self._build_log()
        self.role = self._build_role(log_group, dead_letters, grants)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"Dailies ({sources.stage.name}): {self.module}",
            runtime=_RUNTIME,
            architecture=sources.stage.architecture,
            handler=f"dailies.handlers.{self.module}.handler",
            code=sources.code,
            layers=self._layers(decodes_media),
            role=self.role,
            log_group=log_group,
            timeout=Duration.seconds(timeout_s),
            memory_size=memory_mb,
            environment={METRICS_VARIABLE: sources.stage.metrics_namespace, **environment},
            tracing=lambda_.Tracing.ACTIVE,
            dead_letter_queue=dead_letters,
            reserved_concurrent_executions=reserved_concurrency,
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        self._tidy()
        self.alias = self._build_alias()

    def _tidy(self) -> None:
        """Let the function be made beside its policy, and say why its runtime is what it is."""
        drop_role_dependency(cast(CfnResource, self.function.node.default_child))
        acknowledge(
            self.function,
            "L1",
            "Python 3.13 on purpose: 3.14 starts a quarter slower; the suite runs on 3.11 to 3.13.",
        )

    def _build_log(self) -> logs.LogGroup:
        stage = self._sources.stage
        return build_log_group(
            self, "Log", stage=stage, name=f"/dailies/{stage.name}/{self.module}"
        )

    def _build_alias(self) -> lambda_.IFunction:
        version = cast(lambda_.IVersion, self.function.current_version)
        alias = lambda_.Alias(self, "Live", alias_name=_ALIAS, version=version)
        return cast(lambda_.IFunction, alias)

    def _build_role(
        self,
        log_group: logs.ILogGroup,
        dead_letters: sqs.IQueue | None,
        grants: Sequence[Grant],
    ) -> iam.IRole:
        own = [to.write_log(log_group), to.trace()]
        if dead_letters is not None:
            own.append(to.send_messages(dead_letters))
        return build_role(self, "Role", service="lambda.amazonaws.com", grants=[*own, *grants])

    def _layers(self, decodes_media: bool) -> list[lambda_.ILayerVersion]:
        wanted = [self._sources.base_layer]
        if decodes_media:
            wanted.append(self._sources.media_layer)
        return [layer for layer in wanted if layer is not None]
