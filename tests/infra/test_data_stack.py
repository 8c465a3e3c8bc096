"""The table, the bucket and the secrets."""

from __future__ import annotations

import json
import string

from infra.stage import stage_config
from tests.infra.conftest import Stage

STATEFUL = (
    "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
)


def test_table_has_the_layout_of_the_ledger_when_deployed(stage: Stage) -> None:
    table = stage.data.the_one("AWS::DynamoDB::GlobalTable")
    keys = [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
    indexes = {
        index["IndexName"]: (
            [key["AttributeName"] for key in index["KeySchema"]],
            index["Projection"]["ProjectionType"],
        )
        for index in table["GlobalSecondaryIndexes"]
    }

    assert keys == [("pk", "HASH"), ("sk", "RANGE")]
    assert indexes == {
        "due": (["due_pk", "due_at"], "ALL"),
        "by_tenant": (["tenant_pk", "job_id"], "ALL"),
    }
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_table_can_be_restored_to_any_second_when_deployed(stage: Stage) -> None:
    (replica,) = stage.data.the_one("AWS::DynamoDB::GlobalTable")["Replicas"]

    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert replica["DeletionProtectionEnabled"] is stage_config(stage.name).retain_data


def test_data_outlives_its_stack_when_the_stage_matters(stage: Stage) -> None:
    policy = "Delete" if stage.name in {"local", "dev"} else "Retain"

    for kind in STATEFUL:
        resources = stage.data.of_type(kind).values()
        assert resources
        assert {resource["DeletionPolicy"] for resource in resources} == {policy}
        assert {resource["UpdateReplacePolicy"] for resource in resources} == {policy}


def test_bucket_is_private_and_encrypted_when_deployed(stage: Stage) -> None:
    bucket = stage.data.the_one("AWS::S3::Bucket")

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (owner,) = bucket["OwnershipControls"]["Rules"]
    assert owner == {"ObjectOwnership": "BucketOwnerEnforced"}


def test_bucket_tells_the_event_bus_without_a_custom_resource_when_deployed(stage: Stage) -> None:
    bucket = stage.data.the_one("AWS::S3::Bucket")

    notification = bucket["NotificationConfiguration"]["EventBridgeConfiguration"]
    assert notification == {"EventBridgeEnabled": True}
    kinds = {resource["Type"] for resource in stage.data.body["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("Custom::")]
    assert "AWS::Lambda::Function" not in kinds


def test_bucket_refuses_plain_http_except_when_the_stage_is_local(stage: Stage) -> None:
    statements = [
        statement
        for policy in stage.data.properties("AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    refusals = [
        statement
        for statement in statements
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]

    assert len(refusals) == (0 if stage.name == "local" else 1)


def test_leftovers_go_when_they_are_of_no_more_use(prod: Stage) -> None:
    rules = {
        rule["Id"]: rule
        for rule in prod.data.the_one("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    }

    unfinished = rules["unfinished-uploads"]
    assert unfinished["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert "Prefix" not in unfinished
    assert (rules["uploads"]["Prefix"], rules["uploads"]["ExpirationInDays"]) == ("uploads/", 30)
    assert rules["outputs"]["Prefix"] == "outputs/"
    assert "ExpirationInDays" not in rules["outputs"]
    assert rules["replaced-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}


def test_each_vendor_has_a_secret_to_fill_in_when_deployed(stage: Stage) -> None:
    secrets = {
        secret["Name"]: secret
        for secret in stage.data.properties("AWS::SecretsManager::Secret")
        if "Name" in secret
    }

    prefix = f"dailies/{stage.name}"
    config = stage_config(stage.name)
    chat = {f"{prefix}/{config.alarms_webhook_secret}"} if config.alarms_webhook_secret else set()
    simulator = {f"{prefix}/providers/simulator"} if config.smoke_simulator else set()
    assert set(secrets) == {
        *(f"{prefix}/providers/{vendor}" for vendor in ("kling", "google", "gemini")),
        f"{prefix}/signing",
        *chat,
        *simulator,
    }
    assert secrets[f"{prefix}/providers/kling"]["SecretString"] == "{}"


def test_signing_keys_are_generated_so_that_json_holds_them_when_deployed(prod: Stage) -> None:
    secrets = prod.data.of_type("AWS::SecretsManager::Secret")
    generated = {
        name: secret["Properties"]["GenerateSecretString"]
        for name, secret in secrets.items()
        if "GenerateSecretString" in secret["Properties"]
    }
    (signing,) = (
        secret["Properties"]["SecretString"]
        for secret in secrets.values()
        if secret["Properties"].get("Name", "").endswith("/signing")
    )
    separator, parts = signing["Fn::Join"]
    text = separator.join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)

    assert set(json.loads(text)) == {"callback_key", "webhook_key"}
    assert len(generated) == 2
    for name, options in generated.items():
        assert f"<{name}>" in text
        assert options["ExcludeCharacters"] == string.punctuation
        assert options["PasswordLength"] == 64
