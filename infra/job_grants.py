"""What the machines of the enhancement may do, and what may start them."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import grants as to
from infra.grants import Grant
from infra.media_bucket import ENHANCE, MODELS, OUTPUTS, UPLOADS


def work_on_tasks(bucket: s3.IBucket) -> list[Grant]:
    """Read videos and weights, write work and results.

    A job's role belongs to its job definition, and all tasks share that: the one prefix that a
    task is about is in its spec, which only the function Enhance can write for a job.
    """
    return [
        *(to.read_objects(bucket, prefix) for prefix in (UPLOADS, OUTPUTS, MODELS, ENHANCE)),
        *(to.write_objects(bucket, prefix) for prefix in (OUTPUTS, ENHANCE)),
        to.tell_missing_objects(bucket),
    ]


def pull(repository: ecr.IRepository) -> list[Grant]:
    """Fetch images of one repository."""
    actions = (
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    )
    reason = "GetAuthorizationToken knows no resource-level permission; it opens no repository."
    return [
        Grant(actions, (repository.repository_arn,)),
        Grant(("ecr:GetAuthorizationToken",), ("*",), reason),
    ]


def be_an_ecs_machine(scope: Construct) -> list[Grant]:
    """Let the ECS agent of a machine do its work; pulling and logging are not among it."""
    stack = Stack.of(scope)
    clusters, machines, tasks = (
        stack.format_arn(service="ecs", resource=kind, resource_name="*")
        for kind in ("cluster", "container-instance", "task")
    )
    reason = "Batch makes the cluster and names it; the account's clusters are its bound."
    everywhere = "These actions know no resource-level permission."
    return [
        Grant(
            (
                "ecs:DeregisterContainerInstance",
                "ecs:RegisterContainerInstance",
                "ecs:SubmitAttachmentStateChanges",
                "ecs:SubmitContainerStateChange",
                "ecs:SubmitTaskStateChange",
            ),
            (clusters,),
            reason,
        ),
        Grant(
            ("ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"),
            (machines,),
            reason,
        ),
        Grant(("ecs:TagResource",), (machines, tasks), reason),
        Grant(("ec2:DescribeTags", "ecs:DiscoverPollEndpoint"), ("*",), everywhere),
    ]


def run_batch_jobs(
    scope: Construct, *, queues: Sequence[str], definitions: Sequence[str]
) -> list[Grant]:
    """Submit jobs to queues, wait for them, and end them. `definitions`: names."""
    stack = Stack.of(scope)
    revisions = tuple(
        stack.format_arn(service="batch", resource="job-definition", resource_name=f"{name}:*")
        for name in definitions
    )
    jobs = stack.format_arn(service="batch", resource="job", resource_name="*")
    return [
        Grant(("batch:SubmitJob",), tuple(queues)),
        Grant(
            ("batch:SubmitJob",),
            revisions,
            "An execution submits the revision that it began with, also after a deployment.",
        ),
        Grant(("batch:TerminateJob",), (jobs,), "A job's id is known only once it is there."),
        Grant(("batch:DescribeJobs",), ("*",), "DescribeJobs knows no resource-level permission."),
        to.manage_rule(scope, "StepFunctionsGetEventsForBatchJobsRule"),
    ]


def run_processing_jobs(scope: Construct, *, job_role_arn: str, names: str) -> list[Grant]:
    """Run processing jobs whose names fit, under one role."""
    jobs = Stack.of(scope).format_arn(
        service="sagemaker",
        resource="processing-job",
        resource_name=names,
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    actions = (
        "sagemaker:AddTags",
        "sagemaker:CreateProcessingJob",
        "sagemaker:DescribeProcessingJob",
        "sagemaker:ListTags",
        "sagemaker:StopProcessingJob",
    )
    return [
        Grant(actions, (jobs,), "A processing job is named after its task and round."),
        Grant(
            ("iam:PassRole",),
            (job_role_arn,),
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        to.manage_rule(scope, "StepFunctionsGetEventsForSageMakerProcessingJobsRule"),
    ]


def write_job_logs(scope: Construct, kind: str) -> list[Grant]:
    """Write where SageMaker keeps the logs and metrics of all jobs of a kind."""
    group = Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"/aws/sagemaker/{kind}*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return [
        Grant(
            (
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
            ),
            (group,),
            "SageMaker names the streams of its one log group after jobs.",
        ),
        Grant(
            ("cloudwatch:PutMetricData",),
            ("*",),
            "PutMetricData knows no resource-level permission.",
        ),
    ]
