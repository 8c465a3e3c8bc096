"""The two stacks of a stage, and the checks that every deployment passes."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Tags

from infra import nag
from infra.artifacts import Artifacts
from infra.data_stack import DataStack
from infra.pipeline_stack import PipelineStack
from infra.stage import StageConfig

STATE_MACHINES = Path(__file__).resolve().parents[1] / "state_machines"


def build_stacks(
    app: App, stage: StageConfig, artifacts: Artifacts, state_machines: Path = STATE_MACHINES
) -> tuple[DataStack, PipelineStack]:
    """Add both stacks of `stage` to the app; a finding of cdk-nag fails its synthesis."""
    prefix = f"Dailies-{stage.name}"
    data = DataStack(app, f"{prefix}-Data", stage=stage)
    pipeline = PipelineStack(
        app,
        f"{prefix}-Pipeline",
        stage=stage,
        data=data,
        artifacts=artifacts,
        state_machines=state_machines,
    )
    Tags.of(app).add("dailies:stage", stage.name)
    nag.check(app)
    return data, pipeline
