"""docs/webhooks.md says what is: its examples run, its message and schedule are the real ones."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from dailies.domain.events import TERMINAL, EventType
from dailies.domain.jobs import JobRequest
from dailies.domain.notifications import sinks_of, webhook_body
from dailies.domain.signing import webhook_secret
from dailies.services.deliver_webhook import signed_headers
from tests.fakes.notification import TENANT, MemorySecrets, event, job

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "webhooks.md").read_text()
MACHINE = json.loads((ROOT / "state_machines" / "deliver_webhook.asl.json").read_text())
SECRET = webhook_secret("k1", TENANT)


def _block(mark: str) -> str:
    """Return the code block after the comment `<!-- mark -->`."""
    found = re.search(rf"<!-- {mark} -->\n( *)```\w+\n(.*?)\n\1```", PAGE, re.DOTALL)
    assert found, f"The page has no block {mark}."
    return textwrap.dedent(found[2])


def _python(mark: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(_block(f"run: {mark}"), mark, "exec"), names)
    return names


def _message(at: dt.datetime | None = None) -> tuple[bytes, dict[str, str]]:
    """Return body and headers as they are sent."""
    body = webhook_body(event(), job({}))
    secrets = MemorySecrets({"signing": {"webhook_key": "k2", "webhook_key_previous": "k1"}})
    return body, signed_headers(event(), at or dt.datetime.now(dt.UTC), body, secrets)


def test_request_on_the_page_is_a_valid_one() -> None:
    request = JobRequest.model_validate_json(_block("request"))

    vendor, _, model = request.model.partition("/")
    catalogue = json.loads((ROOT / f"functions/dailies/catalogue/{vendor}.json").read_text())
    assert model in {m["id"] for m in catalogue["models"]}


def test_message_on_the_page_is_the_one_that_is_sent() -> None:
    body, _ = _message()

    assert json.loads(_block("message")) == json.loads(body)


@pytest.mark.parametrize("example", ["python-library", "python-plain"])
def test_python_example_returns_the_message_when_it_is_ours(example: str) -> None:
    body, headers = _message()

    message = _python(example)["receive"](body, headers, SECRET)

    assert message["type"] == "job.succeeded"


@pytest.mark.parametrize("example", ["python-library", "python-plain"])
@pytest.mark.parametrize("fault", ["body", "id", "secret", "old"])
def test_python_example_refuses_the_message_when_it_is_not_ours(example: str, fault: str) -> None:
    hour = dt.timedelta(hours=1)
    body, headers = _message(dt.datetime.now(dt.UTC) - hour if fault == "old" else None)
    body = body + b" " if fault == "body" else body
    headers = headers | {"webhook-id": "evt_other"} if fault == "id" else headers
    secret = webhook_secret("k3", TENANT) if fault == "secret" else SECRET

    with pytest.raises((ValueError, WebhookVerificationError)):
        _python(example)["receive"](body, headers, secret)


def _node(body: bytes, headers: dict[str, str], secret: str) -> subprocess.CompletedProcess[str]:
    arguments = f"Buffer.from('{base64.b64encode(body).decode()}', 'base64'), {json.dumps(headers)}"
    call = f"console.log(receive({arguments}, {json.dumps(secret)}).type);"
    node = shutil.which("node")
    assert node, "Node is one of the two things this repository needs."
    return subprocess.run(
        [node, "-e", f"{_block('run: node')}\n{call}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_node_example_returns_the_message_when_it_is_ours() -> None:
    done = _node(*_message(), SECRET)

    assert (done.returncode, done.stdout.strip()) == (0, "job.succeeded"), done.stderr


def test_node_example_refuses_the_message_when_it_is_not_ours() -> None:
    body, headers = _message()

    done = _node(body + b" ", headers, SECRET)

    assert done.returncode != 0
    assert "no signature matches" in done.stderr


def test_secret_on_the_page_is_the_one_that_signs() -> None:
    assert _python("python-secret")["tenant_secret"]("k1", TENANT) == SECRET


def _schedule() -> list[int]:
    retry = next(
        r for r in MACHINE["States"]["DeliverWebhook"]["Retry"] if "Transient" in r["ErrorEquals"]
    )
    assert retry["JitterStrategy"] == "FULL"
    return [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** n, retry["MaxDelaySeconds"])
        for n in range(retry["MaxAttempts"])
    ]


def _words(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def test_schedule_on_the_page_is_the_state_machines() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|$", PAGE, re.MULTILINE)

    waits = ["at once", *map(_words, _schedule())]
    assert rows == [(str(n), wait) for n, wait in enumerate(waits, start=1)]
    assert f"up to {len(waits)} times" in PAGE


def test_machine_outlasts_its_own_schedule() -> None:
    longest = sum(_schedule()) + 10 * MACHINE["States"]["DeliverWebhook"]["TimeoutSeconds"]

    assert MACHINE["TimeoutSeconds"] > longest + 3600


def test_types_on_the_page_are_those_that_are_sent() -> None:
    rows = dict(
        re.findall(r"^\| `(job\.\w+)` \| .* \| (always|on request) \|$", PAGE, re.MULTILINE)
    )
    hook = {"webhook": {"url": "https://a.example/x"}}
    plain, asking = job(hook), job({**hook, "events": ["job.started", "job.progress"]})

    always = {t.value for t in EventType if sinks_of(event(t), plain)}
    on_request = {t.value for t in EventType if sinks_of(event(t), asking)} - always

    assert {t.value for t in TERMINAL} < always
    assert rows == dict.fromkeys(always, "always") | dict.fromkeys(on_request, "on request")


def test_outcomes_on_the_page_are_those_of_the_log() -> None:
    source = (ROOT / "functions/dailies/services/deliver_webhook.py").read_text()
    listed = re.search(r"Outcomes: (.*?)\.\n", PAGE, re.DOTALL)
    assert listed

    for outcome in set(re.findall(r"`(\w+)`", listed[1])) - {"delivered"}:
        assert f'"{outcome}"' in source
