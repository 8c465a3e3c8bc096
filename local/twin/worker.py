"""The enhancement's worker as a child process, with credentials of its own that IAM enforces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from local.emulator.process import Emulator
from local.twin.child import ChildProcess

_ROOT = Path(__file__).resolve().parents[2]
_USER = "enhance-worker"
_STOP_TIMEOUT_S = 25
"""It gives its task back first: the frame at work, and the upload of what is done."""


def worker_environment(emulator: Emulator, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return a worker's environment: a user with the stack's policy for workers, and a new key."""
    iam = emulator.client("iam")
    try:
        iam.create_user(UserName=_USER)
    except iam.exceptions.EntityAlreadyExistsException:  # of last time, its keys too
        for old in iam.list_access_keys(UserName=_USER)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=_USER, AccessKeyId=old["AccessKeyId"])
    iam.attach_user_policy(UserName=_USER, PolicyArn=outputs["WorkerPolicyArn"])
    key = iam.create_access_key(UserName=_USER)["AccessKey"]
    return {
        **emulator.environment(),
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "PYTHONPATH": str(_ROOT / "gpu_container"),
    }


class WorkerProcess(ChildProcess):
    """`python -m enhance.worker` while it runs."""

    def __init__(
        self, environment: Mapping[str, str], outputs: Mapping[str, str], log_path: Path
    ) -> None:
        super().__init__(
            "enhance.worker",
            [
                *("--queue", outputs["WorkerQueueUrl"]),
                *("--lease-function", outputs["LeaseTaskArn"]),
                *("--finish-function", outputs["FinishTaskArn"]),
            ],
            log_path=log_path,
            environment=environment,
            stop_timeout_s=_STOP_TIMEOUT_S,
        )
