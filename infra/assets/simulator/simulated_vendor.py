"""A vendor that generates nothing: what a deployment is tried on before any vendor is paid.

It runs as one Lambda function inside the account and keeps nothing. A task's id is the task itself:
when it was created, how long it takes and how it ends, signed with the key that callers must know.
So it can be asked from anywhere, costs nothing while nobody asks, and no table can fill up.

==================================  ============================================================
`POST /v1/tasks`                    201 and a task; the prompt may order how it ends (`ORDERS`)
`GET /v1/tasks/{id}`                the task: `running`, then `succeeded`, `failed` or `blocked`
`GET /v1/results/{id}.mp4?…`        the video; the address is signed and expires
==================================  ============================================================

The function has no layer: this file uses the standard library, and the runtime's boto3 to read its
key. The laptop's simulator of the same name speaks through it too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

PREFIX = "/simulator"
"""Where the HTTP API serves it."""

ORDERS = {"[fail]": "failed", "[block]": "blocked"}
"""What a prompt may hold to have its task end so."""

REASONS = {"failed": "The prompt ordered a failure.", "blocked": "The prompt ordered a refusal."}
DURATION_S = 4.0
_RESULT_VALID_S = 600
_SIGNATURE_BYTES = 16
_MODELS = frozenset({"clip-1"})


@dataclass(frozen=True)
class Task:
    """All there is to know of a task."""

    created_at: float
    duration_s: float = DURATION_S
    ending: str = "succeeded"
    reason: str = ""

    def status(self, now: float) -> str:
        """Return the state at `now`."""
        return self.ending if now >= self.created_at + self.duration_s else "running"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class SealedTasks:
    """Tasks as ids that nobody without the key can make, and addresses of their results."""

    def __init__(self, key: str) -> None:
        """Sign with `key`."""
        self._key = key.encode()

    def seal(self, task: Task) -> str:
        """Return the task as its id."""
        text = _encode(json.dumps(asdict(task), separators=(",", ":")).encode())
        return f"{text}.{self._sign('task', text)}"

    def open(self, task_id: str) -> Task | None:
        """Return the task of an id, or None where we did not make it."""
        text, _, signature = task_id.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign("task", text).encode()):
            return None
        try:
            return Task(**json.loads(_decode(text)))
        except (ValueError, TypeError, binascii.Error):
            return None

    def result_path(self, task_id: str, now: float) -> str:
        """Return path and query that lead to a result for ten minutes."""
        expires = str(int(now) + _RESULT_VALID_S)
        signature = self._sign("result", f"{task_id}/{expires}")
        query = urlencode({"expires": expires, "signature": signature})
        return f"/v1/results/{task_id}.mp4?{query}"

    def may_fetch(self, task_id: str, query: Mapping[str, str], now: float) -> bool:
        """Return whether an address of a result is ours and has not expired."""
        expires = query.get("expires", "")
        signature = self._sign("result", f"{task_id}/{expires}")
        ours = hmac.compare_digest(query.get("signature", "").encode(), signature.encode())
        return ours and now < int(expires)

    def view(self, task_id: str, task: Task, now: float) -> dict[str, Any]:
        """Return what a caller is told of a task."""
        status = task.status(now)
        return {
            "id": task_id,
            "status": status,
            "reason": task.reason if status in REASONS else "",
            "result_path": self.result_path(task_id, now) if status == "succeeded" else None,
        }

    def _sign(self, what: str, text: str) -> str:
        digest = hmac.new(self._key, f"{what}:{text}".encode(), hashlib.sha256).digest()
        return _encode(digest[:_SIGNATURE_BYTES])


class SimulatedVendor:
    """Answers requests; the time comes from the caller."""

    def __init__(self, key: str, clip: Callable[[], bytes]) -> None:
        """Ask callers for `key`; every result is `clip`."""
        self._key = key
        self._clip = clip
        self._tasks = SealedTasks(key)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Answer:
        """Answer one request for `target` (path and query); header names are in lower case."""
        url = urlsplit(target)
        if method == "GET" and url.path.startswith("/v1/results/"):
            return self._result(url.path, url.query, now)
        given = headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._key}".encode()):
            return refusal(401, "bad_key")
        if method == "POST" and url.path == "/v1/tasks":
            return self._create(body, now)
        if method == "GET" and url.path.startswith("/v1/tasks/"):
            task_id = url.path.removeprefix("/v1/tasks/")
            task = self._tasks.open(task_id)
            if task is not None:
                return document(200, self._tasks.view(task_id, task, now))
        return refusal(404, "not_found")

    def _create(self, body: bytes, now: float) -> Answer:
        try:
            asked = json.loads(body)
            model, prompt = asked["model"], str(asked["prompt"])
        except (ValueError, TypeError, KeyError):
            return refusal(400, "bad_request")
        if model not in _MODELS:
            return refusal(404, "no_such_model")
        ending = next((end for order, end in ORDERS.items() if order in prompt), "succeeded")
        task = Task(created_at=now, ending=ending, reason=REASONS.get(ending, ""))
        return document(201, self._tasks.view(self._tasks.seal(task), task, now))

    def _result(self, path: str, query: str, now: float) -> Answer:
        task_id = path.removeprefix("/v1/results/").removesuffix(".mp4")
        first = {name: values[0] for name, values in parse_qs(query).items()}
        task = self._tasks.open(task_id)
        if task is None or not self._tasks.may_fetch(task_id, first, now):
            return refusal(403, "bad_signature")
        if task.status(now) != "succeeded":
            return refusal(404, "not_found")
        return Answer(200, self._clip(), {"Content-Type": "video/mp4"})


def document(status: int, value: Any) -> Answer:
    """Return a JSON answer."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def refusal(status: int, code: str, message: str = "") -> Answer:
    """Return an error in the vendor's form."""
    return document(status, {"error": {"code": code, "message": message}})


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API (payload format 2.0)."""
    http = event["requestContext"]["http"]
    path = str(event["rawPath"]).rpartition(PREFIX)[2]
    body = event.get("body") or ""
    content = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    headers = {name.lower(): value for name, value in event["headers"].items()}
    target = f"{path}?{event.get('rawQueryString', '')}"
    answer = _vendor().answer(http["method"], target, headers, content, time.time())
    return {
        "statusCode": answer.status,
        "headers": dict(answer.headers),
        "body": base64.b64encode(answer.body).decode(),
        "isBase64Encoded": True,
    }


@cache
def _vendor() -> SimulatedVendor:
    import boto3  # the laptop's simulator imports this file and needs no AWS

    secrets: Any = boto3.client("secretsmanager")  # pyright: ignore[reportUnknownMemberType]
    name = os.environ["SECRET_NAME"]  # noqa: TID251 - no part of the product, so not in its settings
    secret = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    return SimulatedVendor(secret["api_key"], Path(__file__).with_name("clip.mp4").read_bytes)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
