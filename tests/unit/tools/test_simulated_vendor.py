"""The simulated vendor's function: stateless, signed, and as quick as it says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from infra.assets.simulator.simulated_vendor import SealedTasks, SimulatedVendor, Task

KEY = "key-of-the-simulator"
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
CLIP = b"\x00\x00\x00\x20ftypisom"
T0 = 1_800_000_000.0


class Caller:
    """Asks a new vendor each time: nothing may depend on what one of them remembers."""

    def __call__(
        self, method: str, target: str, body: Any = None, now: float = T0, headers: Any = AUTHORIZED
    ) -> tuple[int, Any]:
        vendor = SimulatedVendor(KEY, lambda: CLIP)
        answer = vendor.answer(method, target, headers, json.dumps(body).encode(), now)
        as_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.body) if as_json else answer.body

    def create(self, prompt: str = "a fox") -> dict[str, Any]:
        status, task = self("POST", "/v1/tasks", {"model": "clip-1", "prompt": prompt})
        assert status == 201
        return task


@pytest.fixture
def ask() -> Caller:
    return Caller()


def test_video_is_there_after_four_seconds_when_a_task_was_made(ask: Caller) -> None:
    task = ask.create()
    assert task["status"] == "running"
    assert ask("GET", f"/v1/tasks/{task['id']}", now=T0 + 3.9)[1]["status"] == "running"

    status, done = ask("GET", f"/v1/tasks/{task['id']}", now=T0 + 4)

    assert (status, done["status"]) == (200, "succeeded")
    assert ask("GET", done["result_path"], now=T0 + 5, headers={}) == (200, CLIP)


@pytest.mark.parametrize(("order", "ending"), [("[fail]", "failed"), ("[block]", "blocked")])
def test_task_ends_as_ordered_when_the_prompt_says_how(
    ask: Caller, order: str, ending: str
) -> None:
    task = ask.create(f"a fox {order}")

    _, done = ask("GET", f"/v1/tasks/{task['id']}", now=T0 + 9)

    assert done["status"] == ending
    assert done["reason"]
    assert done["result_path"] is None


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("key", ["", "Bearer ", "Bearer wrong", f"bearer {KEY}", "Bearer ключ"])
def test_nothing_is_told_when_the_key_is_wrong(ask: Caller, method: str, key: str) -> None:
    task = ask.create()

    status, _ = ask(method, f"/v1/tasks/{task['id']}", headers={"authorization": key})

    assert status == 401


def test_task_is_unknown_when_its_id_was_made_by_somebody_else(ask: Caller) -> None:
    forged = SealedTasks("another key").seal(Task(created_at=T0 - 60))
    text = base64.urlsafe_b64encode(b'{"created_at":0}').decode()

    for task_id in (forged, text, f"{text}.", f"{text}.{'A' * 22}", ".", "é.é"):
        assert ask("GET", f"/v1/tasks/{task_id}")[0] == 404
        assert ask("GET", f"/v1/results/{task_id}.mp4?expires=1&signature=x")[0] == 403


def test_result_is_refused_when_its_address_is_old_or_changed(ask: Caller) -> None:
    task = ask.create()
    path = ask("GET", f"/v1/tasks/{task['id']}", now=T0 + 4)[1]["result_path"]
    bare, _, query = path.partition("?")

    assert ask("GET", path, now=T0 + 4 + 601)[0] == 403
    assert ask("GET", bare)[0] == 403
    assert ask("GET", f"{bare}?{query.replace('expires=18', 'expires=19')}")[0] == 403
    assert ask("GET", f"{bare}?{query}x")[0] == 403


def test_result_is_not_there_when_the_task_runs_or_failed(ask: Caller) -> None:
    sealed = SealedTasks(KEY)
    for task in (Task(created_at=T0), Task(created_at=T0 - 60, ending="failed")):
        path = sealed.result_path(sealed.seal(task), T0)

        assert ask("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("POST", "/v1/tasks", {"model": "clip-9", "prompt": "x"}, 404),
        ("POST", "/v1/tasks", {"model": "clip-1"}, 400),
        ("POST", "/v1/tasks", ["clip-1"], 400),
        ("POST", "/v1/tasks", None, 400),
        ("DELETE", "/v1/tasks", None, 404),
        ("GET", "/", None, 404),
    ],
)
def test_request_is_refused_when_it_makes_no_sense(
    ask: Caller, method: str, target: str, body: Any, status: int
) -> None:
    assert ask(method, target, body)[0] == status
