"""Say how to start a worker for a stage: `python -m tools.worker --stage dev`.

It only reads the stack's outputs. Credentials are the operator's to make: see docs/workers.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_clients import client
from tools.deploy.errors import explain
from tools.deploy.stacks import Clients, find_stack, stack_names

_OPTIONS = {
    "--queue": "WorkerQueueUrl",
    "--lease-function": "LeaseTaskArn",
    "--finish-function": "FinishTaskArn",
}
_POLICY = "WorkerPolicyArn"


def instructions(stage: str, *, client: Clients = client) -> list[str]:
    """Return the lines to show.

    Raises:
        LookupError: the stage is not deployed, or its enhancements run elsewhere.
    """
    _, name = stack_names(stage)
    stack = find_stack(client, name)
    if stack is None:
        raise LookupError(f"There is no stack {name} in this account and region.")
    if _POLICY not in stack.outputs:
        raise LookupError(
            f"The stage {stage} has no queue for workers: set its enhance_compute to `workers` in "
            "infra/stage.py, and deploy it."
        )
    outputs = stack.outputs
    options = [f"  {option} {outputs[output]}" for option, output in _OPTIONS.items()]
    return [
        "# Credentials: any that AWS SDKs take, with this policy and no other:",
        f"#   {outputs[_POLICY]}",
        "python -m enhance.worker \\",
        *(f"{line} \\" for line in options[:-1]),
        options[-1],
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how to start a worker; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.worker", description=__doc__)
    parser.add_argument("--stage", required=True, help="dev, staging or prod")
    stage = parser.parse_args(arguments).stage
    try:
        lines = instructions(stage)
    except LookupError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    except (BotoCoreError, ClientError) as exc:
        sys.stderr.write(f"{explain(exc)}\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
