"""The media bucket: uploads, results, posters and the drop folder, each under its prefix."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.nag import acknowledge
from infra.stage import StageConfig

UPLOADS = "uploads/*"
OUTPUTS = "outputs/*"
POSTERS = "posters/*"
INBOX = "inbox/*"
OUTBOX = "outbox/*"
QUARANTINE = "quarantine/*"
ENHANCE = "enhance/*"
"""Work of the enhancement: specs, chunks, reports."""
MODELS = "models/*"
"""Weights that an operator put there."""

_UNFINISHED_UPLOAD_DAYS = 1
_REPLACED_VERSION_DAYS = 7
_QUARANTINE_DAYS = 14
_WORK_DAYS = 7
"""A job ends within a day; its specs and reports are kept a week for whoever asks why."""


class MediaBucket(Construct):
    """Private, encrypted storage that tells the event bus what arrives."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=stage.tls_only,
            versioned=True,
            lifecycle_rules=_lifecycle(stage),
            removal_policy=stage.removal_policy,
        )
        # The property itself: `event_bridge_enabled` would bring a custom resource with a
        # function whose role may write every bucket's notifications.
        resource = cast(s3.CfnBucket, self.bucket.node.default_child)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                event_bridge_enabled=True
            )
        )
        acknowledge(
            self.bucket,
            "S1",
            "Server access logs hold the query strings of presigned URLs, which are credentials; "
            "each asset's row and event record who stored what.",
        )
        if not stage.tls_only:
            acknowledge(self.bucket, "S10", "The emulator speaks plain HTTP on loopback only.")


def _lifecycle(stage: StageConfig) -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(
            id="unfinished-uploads",
            abort_incomplete_multipart_upload_after=Duration.days(_UNFINISHED_UPLOAD_DAYS),
        ),
        s3.LifecycleRule(
            id="uploads",
            prefix=UPLOADS.removesuffix("*"),
            expiration=Duration.days(stage.uploads_expire_days),
        ),
        s3.LifecycleRule(
            id="inbox",
            prefix=INBOX.removesuffix("*"),
            expiration=Duration.days(stage.uploads_expire_days),
        ),
        s3.LifecycleRule(
            id="quarantine",
            prefix=QUARANTINE.removesuffix("*"),
            expiration=Duration.days(_QUARANTINE_DAYS),
        ),
        s3.LifecycleRule(
            id="enhance",
            prefix=ENHANCE.removesuffix("*"),
            expiration=Duration.days(_WORK_DAYS),
        ),
        s3.LifecycleRule(
            id="outputs",
            prefix=OUTPUTS.removesuffix("*"),
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                    transition_after=Duration.days(stage.outputs_cool_days),
                )
            ],
        ),
        s3.LifecycleRule(
            id="replaced-versions",
            noncurrent_version_expiration=Duration.days(_REPLACED_VERSION_DAYS),
        ),
    ]
