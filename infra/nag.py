"""cdk-nag: the AwsSolutions checks, and the one way to acknowledge a finding."""

from __future__ import annotations

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

NO_RESOURCE_LEVEL = "X-Ray's write actions know no resource-level permission."


def check(app: App) -> None:
    """Make synthesis fail on every AwsSolutions finding that is not acknowledged."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledge(resource: Construct, rule: str, reason: str) -> None:
    """Accept one finding on one resource, never on a stack, with the reason why.

    `rule` is the finding's id without the pack, such as `IAM5[Resource::*]`.
    """
    Validations.of(resource).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason))
