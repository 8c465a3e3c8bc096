"""`python -m local.simulators`: one JSON line, and a clean end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

_ROOT = Path(__file__).parents[2]


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local.simulators", *arguments],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_the_signal_when_started(tmp_path: Path, ending) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"rules": [{"on": "submit", "do": {"kind": "throttle"}}]}')
    process = _start("--scenario", str(scenario), "--speed", "100", "--clip-scale", "0.1")
    try:
        served = json.loads(process.stdout.readline())
        kling = served["kling"]
        headers = {"Authorization": f"Bearer {kling['credentials']['api_key']}"}
        url = kling["base_url"] + "/text-to-video/kling-3.0"
        codes = [httpx.post(url, json={"prompt": "a"}, headers=headers).status_code for _ in "ab"]
    finally:
        process.send_signal(ending)
        rest, errors = process.communicate(timeout=10)

    assert codes == [429, 200]
    assert {"base_url", "credentials"} <= set(served["google"])
    assert served["receiver"]["base_url"].startswith("http://127.0.0.1:")
    assert (process.returncode, rest, errors) == (0, "", "")


def test_command_names_the_mistake_when_the_scenario_is_wrong(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"rulez": []}')

    process = _start("--scenario", str(scenario))
    output, errors = process.communicate(timeout=20)

    assert (process.returncode, output) == (2, "")
    assert "rulez" in errors
