"""What every role may do: the whole of it, so that what is not here is not granted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.conftest import Stage, Template, statements

LEDGER = {
    ("dynamodb:ConditionCheckItem", "Table"),
    ("dynamodb:GetItem", "Table"),
    ("dynamodb:PutItem", "Table"),
    ("dynamodb:Query", "Table"),
    ("dynamodb:UpdateItem", "Table"),
}
VENDOR_SECRETS = {
    ("secretsmanager:GetSecretValue", "secretsmanager:secret:dailies/prod/providers/*")
}
SIGNING = {("secretsmanager:GetSecretValue", "secretsmanager:secret:dailies/prod/signing-??????")}
TELL_MISSING = {("s3:ListBucket", "MediaBucket")}
WAKE = {("states:SendTaskSuccess", "GenerateMachine")}
LOOK_AFTER = {
    ("states:DescribeExecution", "states:execution:GenerateMachine:*"),
    ("states:StartExecution", "GenerateLive"),
    ("states:StopExecution", "states:execution:GenerateMachine:*"),
    ("sqs:SendMessage", "WatchDeadLetters"),
}
STEER_TASKS = {
    ("states:DescribeExecution", "states:execution:EnhanceBatchEnhanceMachine:*"),
    ("states:StopExecution", "states:execution:EnhanceBatchEnhanceMachine:*"),
}
DELIVER_LOGS = {
    (f"logs:{action}", "*")
    for action in (
        "CreateLogDelivery",
        "DeleteLogDelivery",
        "DescribeLogGroups",
        "DescribeResourcePolicies",
        "GetLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "UpdateLogDelivery",
    )
}
STEPS = (
    *("Check", "Enhance", "Fail", "Notify", "Plan", "Poll"),
    *("Probe", "Resolve", "Settle", "Store", "Submit", "TakeEnhanced"),
)


def consume(queue: str) -> set[tuple[str, str]]:
    """Return what taking messages from a queue needs."""
    return {
        ("sqs:ChangeMessageVisibility", queue),
        ("sqs:DeleteMessage", queue),
        ("sqs:GetQueueAttributes", queue),
        ("sqs:ReceiveMessage", queue),
    }


TAKE_IN = (
    LEDGER
    | TELL_MISSING
    | {
        ("s3:AbortMultipartUpload", "MediaBucket/quarantine/*"),
        ("s3:AbortMultipartUpload", "MediaBucket/uploads/*"),
        ("s3:GetObject", "MediaBucket/inbox/*"),
        ("s3:GetObjectVersion", "MediaBucket/inbox/*"),
        ("s3:PutObject", "MediaBucket/outbox/*"),
        ("s3:PutObject", "MediaBucket/quarantine/*"),
        ("s3:PutObject", "MediaBucket/uploads/*"),
        ("sqs:SendMessage", "InboxArrivalsQueue"),
        ("states:StartExecution", "GenerateLive"),
    }
)
BEYOND_LOG_AND_TRACE: dict[str, set[tuple[str, str]]] = {
    "ingest_upload": TAKE_IN | consume("InboxArrivalsQueue"),
    "sweep_inbox": TAKE_IN
    | {
        ("dynamodb:Query", "Table/index/due"),
        ("s3:ListBucketVersions", "MediaBucket"),
        ("sqs:SendMessage", "InboxDeadLetters"),
    },
    "deliver_outbox": LEDGER
    | TELL_MISSING
    | consume("InboxEndsQueue")
    | {
        ("s3:AbortMultipartUpload", "MediaBucket/outbox/*"),
        ("s3:GetObject", "MediaBucket/outputs/*"),
        ("s3:GetObjectVersion", "MediaBucket/outputs/*"),
        ("s3:PutObject", "MediaBucket/outbox/*"),
    },
    "plan": LEDGER,
    "settle": LEDGER,
    "notify": LEDGER,
    "fail": LEDGER,
    "submit": LEDGER
    | VENDOR_SECRETS
    | SIGNING
    | TELL_MISSING
    | {
        ("s3:GetObject", "MediaBucket/outputs/*"),
        ("s3:GetObject", "MediaBucket/uploads/*"),
    },
    "resolve": LEDGER | VENDOR_SECRETS | SIGNING,
    "poll": LEDGER | VENDOR_SECRETS,
    "store": LEDGER
    | VENDOR_SECRETS
    | TELL_MISSING
    | {
        ("s3:AbortMultipartUpload", "MediaBucket/outputs/*"),
        ("s3:GetObject", "MediaBucket/outputs/*"),
        ("s3:PutObject", "MediaBucket/outputs/*"),
    },
    "probe": LEDGER
    | {
        ("s3:GetObject", "MediaBucket/outputs/*"),
        ("s3:PutObject", "MediaBucket/posters/*"),
    },
    "check": LEDGER
    | TELL_MISSING
    | {("s3:GetObject", "MediaBucket/outputs/*"), ("s3:GetObject", "MediaBucket/uploads/*")},
    "enhance": LEDGER
    | TELL_MISSING
    | {
        ("s3:GetObject", "MediaBucket/outputs/*"),
        ("s3:GetObject", "MediaBucket/uploads/*"),
        ("s3:PutObject", "MediaBucket/enhance/*"),
    },
    "take_enhanced": LEDGER
    | TELL_MISSING
    | STEER_TASKS
    | {("s3:GetObject", "MediaBucket/enhance/*"), ("s3:GetObject", "MediaBucket/outputs/*")},
    "record_progress": LEDGER
    | TELL_MISSING
    | consume("EnhanceProgressQueue")
    | {("s3:GetObject", "MediaBucket/enhance/*")},
    "read_report": TELL_MISSING | {("s3:GetObject", "MediaBucket/enhance/*")},
    "api": LEDGER
    | WAKE
    | TELL_MISSING
    | {
        ("dynamodb:Query", "Table/index/by_tenant"),
        ("s3:GetObject", "MediaBucket/outputs/*"),
        ("s3:GetObject", "MediaBucket/posters/*"),
        ("s3:GetObject", "MediaBucket/uploads/*"),
        ("s3:PutObject", "MediaBucket/uploads/*"),
        ("states:DescribeExecution", "states:execution:GenerateMachine:*"),
        ("states:StartExecution", "GenerateLive"),
        ("states:StopExecution", "states:execution:GenerateMachine:*"),
    }
    | STEER_TASKS,
    "authorize": {("dynamodb:GetItem", "Table")},
    "provider_callback": VENDOR_SECRETS
    | SIGNING
    | WAKE
    | {
        ("dynamodb:GetItem", "Table"),
        ("dynamodb:Query", "Table"),
        ("dynamodb:UpdateItem", "Table"),
    },
    "publish": {
        ("dynamodb:DescribeStream", "TableStream"),
        ("dynamodb:GetItem", "Table"),
        ("dynamodb:GetRecords", "TableStream"),
        ("dynamodb:GetShardIterator", "TableStream"),
        ("dynamodb:ListStreams", "*"),
        ("dynamodb:Query", "Table"),
        ("dynamodb:UpdateItem", "Table"),
        ("events:PutEvents", "EventsBus"),
        ("sqs:SendMessage", "NotificationsOutboxDeadLetters"),
    },
    "start_webhook": consume("NotificationsWebhookQueue")
    | {("states:StartExecution", "NotificationsDeliveryLive")},
    "deliver_webhook": LEDGER | SIGNING,
    "send_email": LEDGER
    | TELL_MISSING
    | consume("NotificationsEmailQueue")
    | {
        ("s3:GetObject", "MediaBucket/posters/*"),
        ("ses:SendEmail", "ses:identity/dailies@example.com"),
    },
    "announce": LEDGER | consume("NotificationsSnsQueue") | {("sns:Publish", "NotificationsTopic")},
    "sweep": LEDGER
    | LOOK_AFTER
    | STEER_TASKS
    | {("dynamodb:Query", "Table/index/due"), ("events:PutEvents", "EventsBus")},
    "execution_ended": LEDGER | LOOK_AFTER | STEER_TASKS,
    "alert_chat": {
        ("secretsmanager:GetSecretValue", "secretsmanager:secret:dailies/prod/alarms/chat-??????"),
        ("sqs:SendMessage", "OperatorsDeadLetters"),
    },
}


def role_of(template: Template, module: str) -> dict[str, Any]:
    """Return the properties of a function's role."""
    logical_id = template.functions()[module]["Role"]["Fn::GetAtt"][0]
    role: dict[str, Any] = template.body["Resources"][logical_id]["Properties"]
    return role


def test_every_function_is_in_the_table_when_the_stack_is_complete(prod: Stage) -> None:
    assert set(prod.pipeline.functions()) == set(BEYOND_LOG_AND_TRACE)


@pytest.mark.parametrize("module", sorted(BEYOND_LOG_AND_TRACE))
def test_role_allows_exactly_its_grants_when_a_function_runs(prod: Stage, module: str) -> None:
    allowed = statements(role_of(prod.pipeline, module))
    own_log = {resource for action, resource in allowed if action.startswith("logs:")}

    assert len(own_log) == 1
    assert own_log.pop().lower().endswith(module.replace("_", "") + "log")
    always = {("xray:PutTelemetryRecords", "*"), ("xray:PutTraceSegments", "*")}
    beyond = {pair for pair in allowed - always if not pair[0].startswith("logs:")}
    assert always <= allowed
    assert beyond == BEYOND_LOG_AND_TRACE[module]


def test_no_two_functions_share_a_role_when_roles_are_counted(prod: Stage) -> None:
    roles = [f["Role"]["Fn::GetAtt"][0] for f in prod.pipeline.functions().values()]

    assert len(roles) == len(set(roles))


def test_probe_holds_no_secret_when_it_decodes_hostile_bytes(prod: Stage) -> None:
    allowed = statements(role_of(prod.pipeline, "probe"))

    assert not [pair for pair in allowed if pair[0].startswith("secretsmanager:")]
    assert {r for a, r in allowed if a == "s3:GetObject"} == {"MediaBucket/outputs/*"}


def test_generate_may_only_run_its_steps_and_await_when_it_executes(prod: Stage) -> None:
    (role,) = (
        resource["Properties"]
        for name, resource in prod.pipeline.of_type("AWS::IAM::Role").items()
        if name.startswith("GenerateRole")
    )
    traces = {
        (f"xray:{action}", "*")
        for action in (
            "GetSamplingRules",
            "GetSamplingTargets",
            "PutTelemetryRecords",
            "PutTraceSegments",
        )
    }

    invoke = {("lambda:InvokeFunction", f"Steps{step}Live") for step in STEPS}
    told = "events:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
    nested = {(f"events:{a}", told) for a in ("DescribeRule", "PutRule", "PutTargets")}
    nested |= STEER_TASKS | {("states:StartExecution", "EnhanceBatchEnhanceLive")}
    update = {("dynamodb:UpdateItem", "Table")}
    assert statements(role) == invoke | traces | DELIVER_LOGS | nested | update


def test_schedule_may_only_run_the_sweeper_when_it_fires(prod: Stage) -> None:
    (role,) = (
        resource["Properties"]
        for name, resource in prod.pipeline.of_type("AWS::IAM::Role").items()
        if name.startswith("WatchSweeperRole")
    )

    assert statements(role) == {
        ("lambda:InvokeFunction", "WatchSweepLive"),
        ("sqs:SendMessage", "WatchDeadLetters"),
    }


def test_no_role_gets_managed_or_later_policies_when_synthesized(stage: Stage) -> None:
    for template in (stage.data, stage.pipeline):
        assert not template.of_type("AWS::IAM::Policy")
        for policy in template.properties("AWS::IAM::ManagedPolicy"):  # for workers elsewhere
            assert not {"Groups", "Roles", "Users"} & policy.keys()
        for role in template.properties("AWS::IAM::Role"):
            assert "ManagedPolicyArns" not in role


def test_no_action_is_a_wildcard_when_roles_are_read(stage: Stage) -> None:
    for role in stage.pipeline.properties("AWS::IAM::Role"):
        assert not [action for action, _ in statements(role) if "*" in action]


def test_only_actions_without_resources_reach_everything_when_roles_are_read(prod: Stage) -> None:
    everywhere = {
        action
        for role in prod.pipeline.properties("AWS::IAM::Role")
        for action, resource in statements(role)
        if resource == "*"
    }

    machines = {
        "batch:DescribeJobs",
        "cloudwatch:PutMetricData",
        "ec2:DescribeTags",
        "ecr:GetAuthorizationToken",
        "ecs:DiscoverPollEndpoint",
    }
    assert machines <= everywhere
    everywhere -= machines
    assert {action.split(":")[0] for action in everywhere} == {"xray", "logs", "dynamodb"}
    assert {a for a in everywhere if a.startswith("dynamodb:")} == {"dynamodb:ListStreams"}
    assert {a for a in everywhere if a.startswith("logs:")} == {a for a, _ in DELIVER_LOGS}


@pytest.mark.parametrize(
    ("module", "action", "exact"),
    [
        ("send_email", "ses:SendEmail", "ses:identity/dailies@example.com"),
        ("api", "states:SendTaskSuccess", "GenerateMachine"),
        ("provider_callback", "states:SendTaskSuccess", "GenerateMachine"),
    ],
)
def test_resource_is_named_except_where_the_emulator_cannot_tell(
    prod: Stage, local: Stage, module: str, action: str, exact: str
) -> None:
    def resources(stage: Stage) -> set[str]:
        allowed = statements(role_of(stage.pipeline, module))
        return {resource for allowed_action, resource in allowed if allowed_action == action}

    assert resources(local) == {"*"}
    assert resources(prod) == {exact}
