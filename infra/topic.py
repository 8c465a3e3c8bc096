"""SNS topics."""

from __future__ import annotations

from typing import cast

from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.nag import acknowledge
from infra.stage import StageConfig


def build_topic(scope: Construct, construct_id: str, *, stage: StageConfig) -> sns.ITopic:
    """Create a topic that takes messages over TLS only."""
    topic = sns.Topic(scope, construct_id, enforce_ssl=stage.tls_only)
    if not stage.tls_only:
        acknowledge(topic, "SNS3", "The emulator speaks plain HTTP on loopback only.")
    return cast(sns.ITopic, topic)
