"""Revoke an API key or a link from an email: `python -m tools.revoke --stage dev`.

It is read from standard input, so that it stands in no list of processes and no shell history.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_clients import client
from dailies.adapters.clock import SystemClock
from dailies.adapters.dynamodb_keys import DynamoDbKeys
from dailies.adapters.dynamodb_links import DynamoDbLinks
from dailies.domain.errors import PipelineError
from dailies.services.revoke_key import revoke_key
from dailies.services.share_asset import revoke_link
from tools.api_key import table_name
from tools.deploy.errors import explain


def revoke(stage: str, secret: str, *, client: Callable[[str], Any] = client) -> str:
    """End an API key, or a link given as its URL or token, and return what was ended.

    Raises:
        LookupError: the stage is not deployed.
        PipelineError: there is no such key or link, or AWS refused.
    """
    table, clock = table_name(client("cloudformation"), stage), SystemClock()
    dynamodb = client("dynamodb")
    if secret.startswith("dk_"):
        revoke_key(secret, keys=DynamoDbKeys(table, dynamodb), clock=clock)
        return "The API key is revoked; it may work for up to five minutes more."
    token = secret.rstrip("/").rpartition("/")[2]
    revoke_link(token, links=DynamoDbLinks(table, dynamodb), clock=clock)
    return "The link is revoked. URLs that it gave out end within five minutes."


def main(arguments: Sequence[str] | None = None) -> int:
    """Revoke what standard input says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.revoke", description=__doc__)
    parser.add_argument("--stage", required=True, help="local, dev, staging or prod")
    stage = parser.parse_args(arguments).stage
    asked = "API key, or link from an email: "
    secret = getpass.getpass(asked) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        done = revoke(stage, secret.strip())
    except (LookupError, PipelineError) as exc:
        sys.stderr.write(f"Nothing was revoked. {exc}\n")
        return 1
    except (BotoCoreError, ClientError) as exc:
        sys.stderr.write(f"Nothing was revoked. {explain(exc)}\n")
        return 1
    sys.stdout.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
