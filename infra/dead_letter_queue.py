"""Where messages go that nobody could handle."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.nag import acknowledge
from infra.stage import StageConfig

_KEPT_DAYS = 14


def build_dead_letter_queue(
    scope: Construct, construct_id: str, *, stage: StageConfig
) -> sqs.Queue:
    """Create an encrypted queue that keeps messages as long as SQS can."""
    queue = sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=stage.tls_only,
        retention_period=Duration.days(_KEPT_DAYS),
        removal_policy=stage.removal_policy,
    )
    acknowledge(queue, "SQS3", "It is a dead-letter queue itself.")
    allow_plain_http(queue, stage)
    return queue


def allow_plain_http(queue: sqs.Queue, stage: StageConfig) -> None:
    """Explain to cdk-nag why a local queue does not insist on TLS."""
    if not stage.tls_only:
        acknowledge(queue, "SQS4", "The emulator speaks plain HTTP on loopback only.")
