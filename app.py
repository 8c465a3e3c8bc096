"""Build the stacks of one stage: ``cdk synth -c stage=dev``."""

from pathlib import Path

from aws_cdk import App

from infra.artifacts import build_artifacts
from infra.cloud import build_stacks
from infra.stage import LocalSettings, local_settings, stage_config

app = App()
context = {name: app.node.try_get_context(name) for name in LocalSettings.model_fields}
stage = stage_config(app.node.try_get_context("stage") or "dev", local_settings(context))
build_stacks(app, stage, build_artifacts(Path(__file__).parent, stage))
app.synth()
