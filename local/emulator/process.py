"""The local AWS as a child process of whoever needs it: tests, the demo, the twin."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import boto3
from botocore.config import Config

from local.emulator.settings import (
    ACCOUNT_ID,
    HOST,
    LAMBDA_LOG,
    READY_FILE,
    REGION,
    inherited_environment,
)

_ROOT = Path(__file__).resolve().parents[2]
_HEALTH_PATH = "/_ministack/health"
_POLL_INTERVAL_S = 0.05
_STOP_TIMEOUT_S = 15.0
# The one key that MiniStack takes for the root user of the account.
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class EmulatorError(RuntimeError):
    """The emulator did not come up; the message names its log."""


class Emulator:
    """One emulator process, started on entry and stopped on exit.

    It stops with us even if we are killed: it watches its standard input.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        port: int = 0,
        speed: float = 1.0,
        persist: bool = False,
        corrected: bool = True,
        start_timeout_s: float = 60.0,
    ) -> None:
        """Describe the process; nothing runs yet. Without a folder it uses one it removes."""
        self._temporary = state_dir is None
        self.state_dir = state_dir or Path(tempfile.mkdtemp(prefix="dailies-emulator-"))
        self.port = port
        self._speed = speed
        self._persist = persist
        self._corrected = corrected
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the process."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the process, and remove its folder if that was temporary."""
        self.stop()
        if self._temporary:
            shutil.rmtree(self.state_dir, ignore_errors=True)

    @property
    def endpoint_url(self) -> str:
        """The address of every AWS service."""
        return f"http://{HOST}:{self.port}"

    @property
    def log_path(self) -> Path:
        """What the emulator itself printed."""
        return self.state_dir / "emulator.log"

    @property
    def lambda_log_path(self) -> Path:
        """What the functions printed, with the tracebacks of those that failed."""
        return self.state_dir / LAMBDA_LOG

    def start(self) -> None:
        """Start the process and return once it answers; a second start takes the same port.

        Raises:
            EmulatorError: It ended, or did not answer in time.
        """
        self.state_dir.mkdir(parents=True, exist_ok=True)
        ready_file = self.state_dir / READY_FILE
        ready_file.unlink(missing_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=_ROOT,
                env=inherited_environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal reaches us only: we stop it when we need it no longer.
                start_new_session=True,
            )
        try:
            self._await_ready(ready_file)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the process cleanly, so that it saves its state; harmless when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._forget()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def client(self, service: str, **options: Any) -> Any:
        """Make a boto3 client of the administrator for this service."""
        config = Config(s3={"addressing_style": "path"}, proxies={}, connect_timeout=5)
        make: Any = cast(Any, boto3.client)  # its stubs want a literal name
        return make(
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=config.merge(options.pop("config", Config())),
            **options,
        )

    def environment(self) -> dict[str, str]:
        """Return the whole environment for a program that deploys here, such as the CDK CLI.

        It holds nothing of the caller's that could reach a real account or vendor.
        """
        return {
            **inherited_environment(),
            **_CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.state_dir / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.state_dir / "no-aws-credentials"),
            "CDK_DEFAULT_ACCOUNT": ACCOUNT_ID,
            "CDK_DEFAULT_REGION": REGION,
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
            "NO_PROXY": HOST,
        }

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "local.emulator", "--stop-with-stdin"]
        command += ["--state-dir", str(self.state_dir), "--port", str(self.port)]
        command += ["--speed", str(self._speed)]
        if self._persist:
            command.append("--persist")
        if not self._corrected:
            command.append("--uncorrected")
        return command

    def _await_ready(self, ready_file: Path) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while not self._is_ready(ready_file):
            if self._process is None or self._process.poll() is not None:
                raise EmulatorError(f"the emulator ended while starting; see {self.log_path}")
            if time.monotonic() > deadline:
                raise EmulatorError(
                    f"the emulator did not answer within {self._start_timeout_s:.0f} s;"
                    f" see {self.log_path}"
                )
            time.sleep(_POLL_INTERVAL_S)

    def _is_ready(self, ready_file: Path) -> bool:
        try:
            self.port = json.loads(ready_file.read_text(encoding="utf-8"))["port"]
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(self.endpoint_url + _HEALTH_PATH, timeout=5.0) as answer:
                return answer.status == 200
        except (FileNotFoundError, ValueError, urllib.error.URLError, OSError):
            return False

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None
