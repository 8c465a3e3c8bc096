"""A function's role can do what its function does, and nothing else: we ask IAM itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.crew import Crew

Client = Callable[[str], Any]
KEY = {"pk": {"S": "JOB#job_none"}, "sk": {"S": "JOB"}}


def client_of(crew: Crew, function: str) -> Client:
    """Return a maker of clients that act as a function."""
    functions = crew.twin.emulator.client("lambda").list_functions()["Functions"]
    (role,) = {
        one["Role"] for one in functions if one["Handler"] == f"dailies.handlers.{function}.handler"
    }
    sts = crew.twin.emulator.client("sts")
    key = sts.assume_role(RoleArn=role, RoleSessionName="end-to-end")["Credentials"]
    return lambda service: boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=crew.twin.emulator.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


def denied(call: Callable[[], Any]) -> bool:
    """Return whether IAM refuses the call; another refusal means that it was let through."""
    try:
        call()
    except ClientError as exc:
        return exc.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
    return False


@pytest.mark.parametrize("function", ["probe", "plan", "settle", "publish", "send_email"])
def test_secrets_are_out_of_reach_when_a_function_calls_no_vendor(
    crew: Crew, function: str
) -> None:
    secrets = client_of(crew, function)("secretsmanager")

    for name in ("dailies/local/providers/kling", "dailies/local/signing"):
        assert denied(lambda name=name: secrets.get_secret_value(SecretId=name))


def test_vendor_secret_can_be_read_when_the_function_submits(crew: Crew) -> None:
    secrets = client_of(crew, "submit")("secretsmanager")

    assert secrets.get_secret_value(SecretId="dailies/local/providers/kling")["SecretString"]


@pytest.mark.parametrize("function", ["submit", "probe", "api", "provider_callback", "sweep"])
def test_rows_cannot_be_deleted_when_a_function_works_on_the_ledger(
    crew: Crew, function: str
) -> None:
    dynamodb, table = client_of(crew, function)("dynamodb"), crew.twin.outputs["TableName"]

    assert denied(lambda: dynamodb.delete_item(TableName=table, Key=KEY))
    assert denied(lambda: dynamodb.scan(TableName=table))


@pytest.mark.parametrize("function", ["submit", "poll", "send_email", "api"])
def test_results_cannot_be_written_when_the_function_does_not_store(
    crew: Crew, function: str
) -> None:
    s3, bucket = client_of(crew, function)("s3"), crew.twin.outputs["MediaBucketName"]

    assert denied(lambda: s3.put_object(Bucket=bucket, Key="outputs/acme/x.mp4", Body=b"x"))


def test_executions_cannot_be_started_when_the_function_is_a_step(crew: Crew) -> None:
    states = client_of(crew, "submit")("stepfunctions")
    arn = crew.twin.outputs["StateMachineArn"]

    assert denied(lambda: states.start_execution(stateMachineArn=arn, input="{}"))
