"""Every function can be built from its environment, and importing builds nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dailies import settings

FUNCTIONS = Path(__file__).parents[2] / "functions"
_VALUES = {
    "PROVIDER_ENDPOINTS": "{}",
    "OUTBOUND_ALLOW": "[]",
    "PUBLIC_URL": "https://api.example",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:generate",
    "WEBHOOK_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:deliver",
}
_AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def _run(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(FUNCTIONS), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("handler", sorted(settings.OF_HANDLER))
def test_function_is_built_in_init_when_on_lambda(handler: str) -> None:
    names = settings.OF_HANDLER[handler].variables()
    environment = {n: _VALUES.get(n, "x") for n in names} | _AWS
    environment["_HANDLER"] = f"dailies.handlers.{handler}.handler"
    code = (
        f"import dailies.handlers.{handler} as h; from dailies import bootstrap\n"
        f"assert callable(h.handler)\n"
        f"print(bootstrap.{handler}.cache_info().currsize)"
    )
    done = _run(code, environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"


def test_import_builds_nothing_when_the_environment_is_empty() -> None:
    modules = [f"dailies.handlers.{name}" for name in settings.OF_HANDLER]
    code = (
        "import importlib, json, sys\n"
        f"for m in {modules!r}: importlib.import_module(m)\n"
        "from dailies.adapters.aws_clients import client\n"
        "print(json.dumps(client.cache_info().currsize))"
    )
    done = _run(code, {})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == 0


def test_missing_variables_are_named_when_a_function_is_built() -> None:
    done = _run("from dailies import bootstrap; bootstrap.plan()", {})
    assert "Set these variables of the function: TABLE_NAME." in done.stderr
