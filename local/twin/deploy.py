"""Deploys the synthesized stacks to the emulator with the CDK CLI, as a person would to AWS."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from botocore.exceptions import ClientError

from local.emulator.process import Emulator
from local.emulator.settings import ACCOUNT_ID, REGION
from local.twin.errors import DeployError, TwinError

_ROOT = Path(__file__).resolve().parents[2]
_CDK = _ROOT / "node_modules" / ".bin" / "cdk"
_ASSET_BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT_ID}-{REGION}"
_STOP_TIMEOUT_S = 5


def require_cdk() -> None:
    """Return if the CDK CLI can run.

    Raises:
        TwinError: Node or the CLI is missing; the message says what to do.
    """
    if shutil.which("node") is None:
        raise TwinError("There is no `node` on the PATH: install Node 20 or newer for the CDK CLI.")
    if not _CDK.exists():
        raise TwinError("The CDK CLI is not installed. Run `make install`.")


def deploy(emulator: Emulator, assembly: Path, folder: Path) -> dict[str, str]:
    """Deploy every stack of the assembly, and return their outputs by name.

    Raises:
        DeployError: the CDK CLI failed; the message names its log.
    """
    _make_asset_bucket(emulator)
    log, outputs = folder / "deploy.log", folder / "outputs.json"
    command = [str(_CDK), "deploy", "--all", "--require-approval", "never"]
    command += ["--app", str(assembly), "--output", str(folder / "cdk.out")]
    command += ["--outputs-file", str(outputs), "--concurrency", "2", "--no-notices"]
    command += ["--method", "direct", "--no-version-reporting", "--progress", "events"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env=emulator.environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        returncode = process.wait()
    finally:
        _stop(process)
    if returncode != 0:
        raise DeployError(f"The stacks could not be deployed. See {log}.")
    return read_outputs(outputs)


def read_outputs(file: Path) -> dict[str, str]:
    """Return the outputs by name that the CDK CLI has written for each stack."""
    by_stack: dict[str, dict[str, str]] = json.loads(file.read_text("utf-8"))
    return {name: value for stack in by_stack.values() for name, value in stack.items()}


def _make_asset_bucket(emulator: Emulator) -> None:
    # All that is left of `cdk bootstrap`: the emulator's administrator deploys without its roles.
    try:
        emulator.client("s3").create_bucket(Bucket=_ASSET_BUCKET)
    except ClientError as exc:
        if exc.response.get("Error", {}).get("Code") != "BucketAlreadyOwnedByYou":
            raise


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
