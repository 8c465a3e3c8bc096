"""Make an API key: `python -m tools.api_key --stage dev --tenant acme --name web`.

The key is printed once; the table holds its SHA-256 only. No Lambda sees it before its first use.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_clients import client
from dailies.adapters.aws_errors import code_of
from dailies.adapters.clock import SystemClock
from dailies.adapters.dynamodb_keys import DynamoDbKeys
from dailies.adapters.secrets import SecretsManagerSecrets
from dailies.domain.errors import PipelineError
from dailies.domain.signing import webhook_secret
from dailies.services.issue_key import issue_key
from tools.deploy.errors import explain

_NO_STACK = "ValidationError"
"""What CloudFormation calls a stack that is not there."""


@dataclass(frozen=True)
class Issued:
    """What a tenant needs: the key, and the secret that its webhooks are signed with."""

    key: str
    webhook_secret: str


def issue(stage: str, tenant: str, name: str, *, client: Callable[[str], Any] = client) -> Issued:
    """Write a new key into the stage's table and return it, with the tenant's webhook secret.

    Raises:
        LookupError: the stage is not deployed.
        PipelineError: a name cannot be used, or AWS refused.
    """
    clock = SystemClock()
    table = table_name(client("cloudformation"), stage)
    secrets = SecretsManagerSecrets(client("secretsmanager"), f"dailies/{stage}", clock)
    signing = secrets.get("signing")
    key = issue_key(
        tenant=tenant,
        name=name,
        stage=stage,
        keys=DynamoDbKeys(table, client("dynamodb")),
        clock=clock,
        random_token=token_urlsafe,
    )
    return Issued(key=key, webhook_secret=webhook_secret(signing["webhook_key"], tenant))


def table_name(cloudformation: Any, stage: str) -> str:
    """Return the name of the stage's table.

    Raises:
        LookupError: the stage is not deployed, or not completely.
        ClientError: AWS refused to say.
    """
    stack = f"Dailies-{stage}-Data"
    try:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as exc:
        if code_of(exc) != _NO_STACK:
            raise
        raise LookupError(f"There is no stack {stack} in this account and region.") from exc
    outputs = {o["OutputKey"]: o["OutputValue"] for o in described.get("Outputs", ())}
    if "TableName" not in outputs:
        raise LookupError(f"The stack {stack} is not deployed completely: it has no TableName.")
    return outputs["TableName"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a new key, or what is wrong; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.api_key", description="Make an API key.")
    parser.add_argument("--stage", required=True, help="local, dev, staging or prod")
    parser.add_argument("--tenant", required=True, help="whose key it is: a-z, 0-9 and hyphens")
    parser.add_argument("--name", default="default", help="what the key is called in logs")
    given = parser.parse_args(arguments)
    try:
        issued = issue(given.stage, given.tenant, given.name)
    except (LookupError, PipelineError) as exc:
        sys.stderr.write(f"No key was made. {exc}\n")
        return 1
    except (BotoCoreError, ClientError) as exc:
        sys.stderr.write(f"No key was made. {explain(exc)}\n")
        return 1
    sys.stdout.write(f"API key (shown once): {issued.key}\n")
    sys.stdout.write(f"Webhook secret:       {issued.webhook_secret}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
