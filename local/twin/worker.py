"""The enhancement's worker as a child process, with credentials of its own that IAM enforces."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local.emulator.process import Emulator

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


class WorkerProcess:
    """`python -m enhance.worker` while it runs. It stops with us even if we are killed."""

    def __init__(
        self, environment: Mapping[str, str], outputs: Mapping[str, str], log_path: Path
    ) -> None:
        self._environment = dict(environment)
        self._command = [sys.executable, "-m", "local.twin.with_parent", "enhance.worker"]
        self._command += ["--queue", outputs["WorkerQueueUrl"]]
        self._command += ["--lease-function", outputs["LeaseTaskArn"]]
        self._command += ["--finish-function", outputs["FinishTaskArn"]]
        self.log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, and return at once."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=_ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal reaches us only: we stop it when we need it no longer.
                start_new_session=True,
            )
        return self

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it; harmless when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()
