"""Roles whose every permission is written down: nothing the CDK does can widen them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.grants import Grant
from infra.nag import acknowledge


def build_role(
    scope: Construct, construct_id: str, *, service: str, grants: Sequence[Grant]
) -> iam.IRole:
    """Create a role for an AWS service with exactly these grants, and close it."""
    document = iam.PolicyDocument(statements=[grant.statement() for grant in grants])
    role = iam.Role(
        scope,
        construct_id,
        assumed_by=cast(iam.IPrincipal, iam.ServicePrincipal(service)),
        inline_policies={"Grants": document},
    )
    for grant in grants:
        if grant.wildcard_reason is not None:
            for resource in grant.resources:
                finding = f"IAM5[Resource::{_as_reported(role, resource)}]"
                acknowledge(role, finding, grant.wildcard_reason)
    return role.without_policy_updates()


def drop_role_dependency(resource: CfnResource) -> None:
    """Take the CDK's `DependsOn` away: a closed role is complete once its ARN is there."""
    resource.add_deletion_override("DependsOn")


def _as_reported(role: iam.Role, arn: str) -> str:
    """Write an ARN as cdk-nag names it in a finding: references as `<Resource.Attribute>`."""
    return _flatten(Stack.of(role).resolve(arn))


def _flatten(value: Any) -> str:
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        separator, parts = argument
        return str(separator).join(_flatten(part) for part in parts)
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if function == "Fn::ImportValue":
        return _flatten(argument)
    if function != "Ref":
        raise TypeError(f"cannot name {function} in a finding")
    return f"<{argument}>"
