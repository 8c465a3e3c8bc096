"""The network of the machines that enhance: ways out, none in, and nothing billed by the hour."""

from __future__ import annotations

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.nag import acknowledge

_CIDR = "10.71.0.0/20"
_ZONES = 3
"""Spot machines are found where there are any: more zones, fewer interruptions."""
_HTTPS = 443


class ComputeNetwork(Construct):
    """Public subnets without a NAT gateway, and a security group that lets nothing in.

    S3 is reached through a gateway endpoint, which costs nothing; ECR, ECS and CloudWatch by the
    machine's own public address, which is billed only while there is a machine.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(_CIDR),
            availability_zones=[Fn.select(i, Fn.get_azs()) for i in range(_ZONES)],
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=True
                )
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)
            },
            # It would bring a custom resource; no machine of ours is in the default group.
            restrict_default_security_group=False,
        )
        self.security_group = ec2.CfnSecurityGroup(
            self,
            "Machines",
            group_description="Machines that enhance: HTTPS out, nothing in",
            vpc_id=self.vpc.vpc_id,
            security_group_ingress=[],
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp",
                    from_port=_HTTPS,
                    to_port=_HTTPS,
                    cidr_ip="0.0.0.0/0",
                    description="AWS's own services",
                )
            ],
        )
        acknowledge(
            self.vpc,
            "VPC7",
            "Nothing can come in, and what goes out is HTTPS to AWS: flow logs would be billed "
            "by the gigabyte and tell no more than CloudTrail and the jobs' own logs.",
        )

    @property
    def subnet_ids(self) -> list[str]:
        """Of every zone."""
        return [subnet.subnet_id for subnet in self.vpc.public_subnets]
