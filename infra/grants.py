"""What a role may do, in the words of the design: exact actions on exact resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.stage import StageConfig
from infra.table import DUE_INDEX, TENANT_INDEX


@dataclass(frozen=True, slots=True)
class Grant:
    """One allowed set of actions on resources; a wildcard in it needs a reason."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    wildcard_reason: str | None = None
    conditions: Mapping[str, Mapping[str, str]] | None = None

    def statement(self) -> iam.PolicyStatement:
        """Return the grant as a policy statement."""
        return iam.PolicyStatement(
            actions=list(self.actions),
            resources=list(self.resources),
            conditions=self.conditions and dict(self.conditions),
        )


def read_rows(table: dynamodb.ITable) -> Grant:
    """Read rows by their keys."""
    return Grant(("dynamodb:GetItem", "dynamodb:Query"), (table.table_arn,))


def read_one_row(table: dynamodb.ITable) -> Grant:
    """Read one row by its key, and list nothing."""
    return Grant(("dynamodb:GetItem",), (table.table_arn,))


def write_rows(table: dynamodb.ITable) -> Grant:
    """Write rows, alone or in a transaction (which has no action of its own)."""
    actions = ("dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
    return Grant(actions, (table.table_arn,))


def update_rows(table: dynamodb.ITable) -> Grant:
    """Change attributes of rows."""
    return Grant(("dynamodb:UpdateItem",), (table.table_arn,))


def list_due(table: dynamodb.ITable) -> Grant:
    """List what is due."""
    return Grant(("dynamodb:Query",), (f"{table.table_arn}/index/{DUE_INDEX}",))


def list_tenant(table: dynamodb.ITable) -> Grant:
    """List the jobs of a tenant."""
    return Grant(("dynamodb:Query",), (f"{table.table_arn}/index/{TENANT_INDEX}",))


def read_stream(table: dynamodb.ITable) -> Grant:
    """Read the table's stream."""
    actions = (
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
    )
    return Grant(actions, (_known(table.table_stream_arn),))


def list_streams() -> Grant:
    """Let Lambda's stream poller list streams, which it cannot do on one alone."""
    reason = "ListStreams knows no resource-level permission; it shows names only."
    return Grant(("dynamodb:ListStreams",), ("*",), reason)


def read_objects(bucket: s3.IBucket, prefix: str) -> Grant:
    """Read objects below a prefix."""
    return Grant(("s3:GetObject",), (_objects(bucket, prefix),), _prefix_reason(prefix))


def read_versions(bucket: s3.IBucket, prefix: str) -> Grant:
    """Read objects below a prefix, each version of them."""
    actions = ("s3:GetObject", "s3:GetObjectVersion")
    return Grant(actions, (_objects(bucket, prefix),), _prefix_reason(prefix))


def list_versions(bucket: s3.IBucket) -> Grant:
    """List the versions of objects."""
    return Grant(("s3:ListBucketVersions",), (Stack.of(bucket).export_value(bucket.bucket_arn),))


def write_objects(bucket: s3.IBucket, prefix: str) -> Grant:
    """Write objects below a prefix, in parts too."""
    actions = ("s3:AbortMultipartUpload", "s3:PutObject")
    return Grant(actions, (_objects(bucket, prefix),), _prefix_reason(prefix))


def put_objects(bucket: s3.IBucket, prefix: str) -> Grant:
    """Write whole objects below a prefix."""
    return Grant(("s3:PutObject",), (_objects(bucket, prefix),), _prefix_reason(prefix))


def tell_missing_objects(bucket: s3.IBucket) -> Grant:
    """Let S3 answer 404 for an object that is not there; without it the answer is 403."""
    return Grant(("s3:ListBucket",), (Stack.of(bucket).export_value(bucket.bucket_arn),))


def read_vendor_secrets(scope: Construct, stage: StageConfig) -> Grant:
    """Read the secret of any vendor of the stage, so that a new one changes no grant."""
    arn = _secret_arn(scope, f"{stage.secrets_prefix}/providers/*")
    reason = "One prefix holds the secrets of this stage's vendors, and nothing else."
    return Grant(("secretsmanager:GetSecretValue",), (arn,), reason)


def read_vendor_secret(scope: Construct, stage: StageConfig, vendor: str) -> Grant:
    """Read the secret of one vendor."""
    arn = _secret_arn(scope, f"{stage.secrets_prefix}/providers/{vendor}-??????")
    return Grant(("secretsmanager:GetSecretValue",), (arn,))


def read_secret(scope: Construct, stage: StageConfig, name: str) -> Grant:
    """Read one secret of the stage, by its name after the stage's prefix."""
    arn = _secret_arn(scope, f"{stage.secrets_prefix}/{name}-??????")
    return Grant(("secretsmanager:GetSecretValue",), (arn,))


def read_signing_secret(scope: Construct, stage: StageConfig) -> Grant:
    """Read the stage's signing keys; Secrets Manager ends an ARN in six characters of its own."""
    arn = _secret_arn(scope, f"{stage.secrets_prefix}/signing-??????")
    return Grant(("secretsmanager:GetSecretValue",), (arn,))


def start_executions(state_machine_arn: str) -> Grant:
    """Start executions of one state machine (or of one of its aliases)."""
    return Grant(("states:StartExecution",), (state_machine_arn,))


def watch_executions(execution_arns: str) -> Grant:
    """Look at and stop executions of one state machine."""
    reason = "An execution's ARN ends in its name, which is the job's; the machine is exact."
    return Grant(("states:DescribeExecution", "states:StopExecution"), (execution_arns,), reason)


def be_told_of_executions(scope: Construct) -> Grant:
    """Let Step Functions tell a waiting execution of the end of one that it started."""
    return manage_rule(scope, "StepFunctionsGetEventsForStepFunctionsExecutionRule")


def manage_rule(scope: Construct, name: str) -> Grant:
    """Let Step Functions look after a rule of its own, by the name that it gives it."""
    arn = Stack.of(scope).format_arn(service="events", resource="rule", resource_name=name)
    return Grant(("events:DescribeRule", "events:PutRule", "events:PutTargets"), (arn,))


def wake_waits(state_machine_arn: str, stage: StageConfig) -> Grant:
    """End task-token waits of one state machine."""
    if stage.on_host:
        # The emulator does not look up whose token it is, so that only `*` fits.
        return Grant(("states:SendTaskSuccess",), ("*",), "The emulator knows no token's machine.")
    return Grant(("states:SendTaskSuccess",), (state_machine_arn,))


def fail_waits(state_machine_arn: str, stage: StageConfig) -> Grant:
    """Fail task-token waits of one state machine."""
    waits = wake_waits(state_machine_arn, stage)
    return Grant(("states:SendTaskFailure",), waits.resources, waits.wildcard_reason)


def put_events(bus: events.IEventBus) -> Grant:
    """Put events on one bus."""
    return Grant(("events:PutEvents",), (bus.event_bus_arn,))


def publish_messages(topic: sns.ITopic) -> Grant:
    """Publish to one topic."""
    return Grant(("sns:Publish",), (topic.topic_arn,))


def send_mail(scope: Construct, stage: StageConfig) -> Grant:
    """Send mail from the stage's own identity."""
    if stage.on_host:
        # The emulator compares a sent mail with no identity's ARN, so that only `*` fits.
        return Grant(("ses:SendEmail",), ("*",), "Local mail is kept by the emulator, not sent.")
    arn = Stack.of(scope).format_arn(
        service="ses",
        resource="identity",
        resource_name=stage.sender,
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    return Grant(("ses:SendEmail",), (arn,))


def consume(queue: sqs.IQueue) -> Grant:
    """Take messages from one queue."""
    actions = (
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    )
    return Grant(actions, (queue.queue_arn,))


def send_messages(queue: sqs.IQueue) -> Grant:
    """Put messages into one queue."""
    return Grant(("sqs:SendMessage",), (queue.queue_arn,))


def write_log(log_group: logs.ILogGroup) -> Grant:
    """Write to the streams of one log group."""
    return Grant(("logs:CreateLogStream", "logs:PutLogEvents"), (log_group.log_group_arn,))


def trace() -> Grant:
    """Send traces."""
    reason = "X-Ray's write actions know no resource-level permission."
    return Grant(("xray:PutTelemetryRecords", "xray:PutTraceSegments"), ("*",), reason)


def trace_workflow() -> Grant:
    """Send traces, and ask which of them are wanted."""
    actions = ("xray:GetSamplingRules", "xray:GetSamplingTargets", *trace().actions)
    return Grant(actions, ("*",), trace().wildcard_reason)


def deliver_logs() -> Grant:
    """Let Step Functions set up the delivery of its logs."""
    actions = (
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    )
    return Grant(actions, ("*",), "Log delivery's actions know no resource-level permission.")


def _secret_arn(scope: Construct, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def _objects(bucket: s3.IBucket, prefix: str) -> str:
    """Write the bucket's ARN as the import that it becomes, which cdk-nag's findings name."""
    arn = Stack.of(bucket).export_value(bucket.bucket_arn)
    return f"{arn}/{prefix}"


def _prefix_reason(prefix: str) -> str:
    return f"Object keys below {prefix.removesuffix('*')} are made per job; the bucket is exact."


def _known(arn: str | None) -> str:
    if arn is None:
        raise ValueError("the table has no stream")
    return arn
