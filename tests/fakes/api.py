"""What the API needs, in memory, and a way to call it: API Gateway's events (format 2.0)."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dailies.adapters.webhook_addresses import webhook_check
from dailies.domain.access import ApiKey, Link
from dailies.domain.assets import StoredPart
from dailies.domain.catalogue import Catalogue, load_catalogue
from dailies.domain.compute_prices import ComputeKind, ComputePrices, load_compute_prices
from dailies.domain.ids import new_id
from dailies.domain.ports import ExecutionStatus, ObjectHead, UploadForm
from tests.fakes.ledger import InMemoryLedger

START = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
TENANT = "acme"
TRACE_ID = "1-67891233-abcdef012345678912345678"


class WaitingClock:
    """Stands still until somebody sleeps or moves it."""

    def __init__(self) -> None:
        self._passed_s = 0.0
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._passed_s += seconds

    def advance(self, seconds: float) -> None:
        self._passed_s += seconds


class InMemoryKeys:
    """The Keys port in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, ApiKey] = {}

    def find(self, key_sha256: str) -> ApiKey | None:
        return self.rows.get(key_sha256)

    def put(self, key: ApiKey) -> None:
        self.rows[key.key_sha256] = key


class InMemoryLinks:
    """The Links port in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Link] = {}

    def find(self, token_sha256: str) -> Link | None:
        return self.rows.get(token_sha256)

    def put(self, link: Link) -> None:
        self.rows[link.token_sha256] = link


@dataclass
class RecordedWorkflow:
    """The Workflow port: remembers what it was asked, answers `starts`, or raises `error`."""

    started: list[tuple[str, int]] = field(default_factory=list)
    stopped: list[tuple[str, int]] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    starts: bool = True
    error: Exception | None = None

    def start(self, job_id: str, run: int) -> bool:
        self._raise()
        self.started.append((job_id, run))
        return self.starts

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        return ExecutionStatus.RUNNING

    def stop(self, job_id: str, run: int, cause: str) -> None:
        self.stopped.append((job_id, run))

    def wake(self, token: str) -> None:
        self._raise()
        self.woken.append(token)

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error


class SignedMedia:
    """The part of the MediaStore port that the API uses."""

    def __init__(self) -> None:
        self.objects: dict[str, ObjectHead] = {}

    def head(self, key: str) -> ObjectHead | None:
        return self.objects.get(key)

    def upload_form(
        self, key: str, *, content_type: str, max_bytes: int, expires_s: int
    ) -> UploadForm:
        policy = f"{content_type} {max_bytes} {expires_s}"
        return UploadForm(url="https://media.example.com/", fields={"key": key, "policy": policy})

    def download_url(self, key: str, *, filename: str, content_type: str, expires_s: int) -> str:
        return f"https://media.example.com/{key}?filename={filename}&expires={expires_s}"

    def begin(self, key: str, content_type: str) -> str:
        raise AssertionError("The API stores nothing.")

    def put_part(self, *_: Any) -> StoredPart:
        raise AssertionError("The API stores nothing.")

    complete = abort = put = read = stream = put_part


@dataclass
class RecordedCompute:
    """The Compute port: remembers what it was asked to stop."""

    stopped: list[str] = field(default_factory=list)

    def status(self, task_id: str) -> ExecutionStatus:
        return ExecutionStatus.RUNNING

    def stop(self, task_id: str, cause: str) -> None:
        self.stopped.append(task_id)


@dataclass
class ApiFakes:
    """Everything behind the API, in memory."""

    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    workflow: RecordedWorkflow = field(default_factory=RecordedWorkflow)
    media: Any = field(default_factory=SignedMedia)
    links: InMemoryLinks = field(default_factory=InMemoryLinks)
    keys: InMemoryKeys = field(default_factory=InMemoryKeys)
    catalogue: Catalogue = field(default_factory=load_catalogue)
    clock: WaitingClock = field(default_factory=WaitingClock)
    new_id: Any = new_id
    check_webhook: Any = field(default_factory=lambda: webhook_check(["127.0.0.1:8123"]))
    compute: RecordedCompute = field(default_factory=RecordedCompute)
    compute_kind: ComputeKind = "batch"
    compute_prices: ComputePrices = field(default_factory=load_compute_prices)


def api_event(
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    tenant: str | None = TENANT,
    base64_encoded: bool = False,
) -> dict[str, Any]:
    """Return the event of a request, with what the authorizer says where `tenant` is given."""
    context: dict[str, Any] = {
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": "$default",
        "stage": "$default",
    }
    if tenant is not None:
        context["authorizer"] = {"lambda": {"tenant": tenant, "key_name": "web"}}
    sent = {"host": "api.example.com", "x-amzn-trace-id": f"Root={TRACE_ID}"}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": sent | {name.lower(): value for name, value in (headers or {}).items()},
        "requestContext": context,
        "isBase64Encoded": base64_encoded,
    }
    if body is not None:
        event["body"] = _text(body, base64_encoded)
    return event


def _text(body: bytes | str, base64_encoded: bool) -> str:
    raw = body.encode() if isinstance(body, str) else body
    return base64.b64encode(raw).decode() if base64_encoded else raw.decode()


@dataclass(frozen=True)
class Reply:
    """An answer of the API."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class ApiClient:
    """Calls the handler of the API as one tenant."""

    def __init__(self, handler: Any, fakes: ApiFakes, tenant: str | None = TENANT) -> None:
        self._handler = handler
        self._fakes = fakes
        self._tenant = tenant

    def call(self, method: str, path: str, **parts: Any) -> Reply:
        event = api_event(method, path, **{"tenant": self._tenant, **parts})
        answer = self._handler(event, None, deps=self._fakes)
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    def get(self, path: str, **parts: Any) -> Reply:
        return self.call("GET", path, **parts)

    def post(self, path: str, body: Any = None, **parts: Any) -> Reply:
        headers = {"Content-Type": "application/json"} | parts.pop("headers", {})
        text = None if body is None else json.dumps(body)
        return self.call("POST", path, body=text, headers=headers, **parts)
