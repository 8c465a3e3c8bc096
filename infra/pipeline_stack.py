"""The stack that can be replaced at any time: it composes, and decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import grants as to
from infra.api_functions import ApiFunctions
from infra.artifacts import Artifacts
from infra.dashboard import OperatorDashboard
from infra.data_stack import DataStack
from infra.enhancement import Enhancement
from infra.environment import PipelineParts
from infra.event_bus import EventBus
from infra.http_api import HttpApi
from infra.inbox import Inbox
from infra.layers import build_layer_version
from infra.log_queries import LogQueries
from infra.model_training import ModelTraining
from infra.notifications import Notifications
from infra.operator_alarms import OperatorAlarms
from infra.python_function import FunctionSources
from infra.simulator_function import SIMULATOR_ROUTES, SimulatorFunction
from infra.stage import StageConfig
from infra.state_machine import StateMachine
from infra.steps import Steps
from infra.synthesizer import synthesizer
from infra.watch import Watch


class PipelineStack(Stack):
    """API, workflow, notification and watch over one `DataStack`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        data: DataStack,
        artifacts: Artifacts,
        state_machines: Path,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=synthesizer(stage),
            description=f"Dailies ({stage.name}): API, workflow and notification",
        )
        http = HttpApi(self, "Http", stage=stage)
        parts = PipelineParts(
            stage=stage,
            sources=self._build_sources(stage, artifacts),
            table=data.table,
            bucket=data.bucket,
            public_url=http.url,
        )
        bus = EventBus(self, "Events").bus
        enhancement = Enhancement(self, "Enhance", parts=parts, state_machines=state_machines)
        machines = {
            "workflow": self._build_workflow(parts, enhancement.workflow, state_machines),
            "enhancement": enhancement.workflow,
        }
        workflow = machines["workflow"]
        http.answer_with(ApiFunctions(self, "Functions", parts=parts, **machines))
        if stage.smoke_simulator:
            simulator = SimulatorFunction(self, "Simulator", stage=stage)
            http.add_public_routes(SIMULATOR_ROUTES, cast(lambda_.IFunction, simulator.function))
        notifications = Notifications(
            self, "Notifications", parts=parts, bus=bus, state_machines=state_machines
        )
        watch = Watch(self, "Watch", parts=parts, **machines, bus=bus)
        inbox = Inbox(self, "Inbox", parts=parts, workflow=workflow, bus=bus)
        self._build_operators(parts, http, bus, notifications, watch, inbox)
        training = None if stage.on_host else ModelTraining(self, "Training", bucket=data.bucket)
        self._tell_names(http, bus, notifications, workflow, enhancement, training)

    def _build_workflow(
        self, parts: PipelineParts, enhancement: StateMachine, state_machines: Path
    ) -> StateMachine:
        return StateMachine(
            self,
            "Generate",
            stage=parts.stage,
            definition=state_machines / "generate.asl.json",
            tasks=Steps(self, "Steps", parts=parts, enhancement=enhancement).all,
            values={
                "TableName": parts.table.table_name,
                "EnhanceStateMachineArn": enhancement.start_arn,
            },
            grants=[
                to.update_rows(parts.table),
                to.start_executions(enhancement.start_arn),
                to.watch_executions(enhancement.execution_arns),
                to.be_told_of_executions(self),
            ],
        )

    def _tell_names(
        self,
        http: HttpApi,
        bus: events.IEventBus,
        notifications: Notifications,
        workflow: StateMachine,
        enhancement: Enhancement,
        training: ModelTraining | None,
    ) -> None:
        outputs = {
            "ApiUrl": http.url,
            "ApiId": http.api_id,
            "EventBusName": bus.event_bus_name,
            "TopicArn": notifications.topic.topic_arn,
            "StateMachineArn": workflow.machine.state_machine_arn,
            "WebhookStateMachineArn": notifications.workflow.machine.state_machine_arn,
            "EnhanceStateMachineArn": enhancement.workflow.machine.state_machine_arn,
            **enhancement.compute.outputs,
        }
        if training is not None:
            outputs["TrainingRoleArn"] = training.role.role_arn
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    def _build_operators(
        self,
        parts: PipelineParts,
        http: HttpApi,
        bus: events.IEventBus,
        notifications: Notifications,
        watch: Watch,
        inbox: Inbox,
    ) -> None:
        """Build what watches everything that is in the stack by now; the emulator draws nothing."""
        alarms = OperatorAlarms(
            self,
            "Operators",
            parts=parts,
            bus=bus,
            api_id=http.api_id,
            notifications=notifications,
            watch=watch,
            inbox=inbox,
        )
        if parts.stage.on_host:
            return
        OperatorDashboard(self, "Dashboard", parts=parts, api_id=http.api_id, alarms=alarms)
        LogQueries(
            self,
            "Queries",
            stage=parts.stage,
            functions=[function.log_group for function in alarms.functions],
            access=http.access_log,
        )

    def _build_sources(self, stage: StageConfig, artifacts: Artifacts) -> FunctionSources:
        layers = {"BaseLayer": artifacts.base_layer, "MediaLayer": artifacts.media_layer}
        base, media = (
            None if path is None else build_layer_version(self, name, path, stage)
            for name, path in layers.items()
        )
        code = lambda_.Code.from_asset(str(artifacts.code))
        return FunctionSources(stage=stage, code=code, base_layer=base, media_layer=media)
