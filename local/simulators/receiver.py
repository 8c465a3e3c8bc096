"""A webhook receiver: keeps what it is sent, checks its signatures, and misbehaves on order.

Every path takes webhooks. `GET /_receiver/webhooks` lists them. `POST /_receiver/script` takes a
list of `Answer` documents, used up in order; `POST /_receiver/secret` takes
`{"secret": "whsec_…"}`; `POST /_receiver/reset` forgets webhooks and script.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import threading
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from standardwebhooks.webhooks import Webhook

from local.simulators.clock import Clock, Sleeper
from local.simulators.server import (
    DropConnection,
    HttpServer,
    Request,
    Response,
    Router,
    json_response,
)

_TOLERANCE_S = 300


class Answer(BaseModel):
    """How to answer the next webhooks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int = 204
    """500, 410, 302 …"""
    location: str = ""
    """The target of a redirect."""
    hang_s: float = 0
    """Wait so long before the answer."""
    drop: bool = False
    """Close the connection instead of answering."""
    times: int = Field(default=1, ge=1)
    path_contains: str = ""
    """Only webhooks to such a path."""


class ReceivedWebhook(BaseModel):
    """One webhook as it arrived."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body_base64: str
    received_at: float
    verified: bool | None
    """Whether the signature holds; None where the receiver has no secret."""
    answered: int
    """The status it was answered with; 0 where the connection was dropped."""

    @property
    def body(self) -> bytes:
        """Return the raw body."""
        return base64.b64decode(self.body_base64)


class WebhookReceiver:
    """Receives webhooks on a port of its own."""

    def __init__(self, *, host: str, port: int, clock: Clock, sleeper: Sleeper) -> None:
        """Bind the port without serving yet."""
        self._clock = clock
        self._sleeper = sleeper
        self._arrived = threading.Condition()
        self._webhooks: list[ReceivedWebhook] = []
        self._script: list[Answer] = []
        self._secret: str | None = None
        router = Router(self._receive)
        router.add("GET", "/_receiver/webhooks", lambda request: json_response(200, self._report()))
        router.add("POST", "/_receiver/script", self._load_script)
        router.add("POST", "/_receiver/secret", self._load_secret)
        router.add("POST", "/_receiver/reset", lambda request: json_response(200, self.reset()))
        self._server = HttpServer(router, host=host, port=port, sleeper=sleeper)
        self.base_url = self._server.base_url

    def start(self) -> None:
        """Begin to receive."""
        self._server.start()

    def stop(self) -> None:
        """Stop receiving."""
        self._server.stop()

    @property
    def webhooks(self) -> list[ReceivedWebhook]:
        """Return what arrived, in order."""
        with self._arrived:
            return list(self._webhooks)

    def use_secret(self, secret: str | None) -> None:
        """Check signatures with this secret from now on."""
        with self._arrived:
            self._secret = secret

    def script(self, *answers: Answer) -> None:
        """Give these answers to the next webhooks, then 204 again."""
        with self._arrived:
            self._script = [one for answer in answers for one in [answer] * answer.times]

    def wait_for(self, count: int, timeout_s: float = 10) -> list[ReceivedWebhook]:
        """Return what arrived once it is `count` webhooks, or after `timeout_s`."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self._webhooks) >= count, timeout_s)
            return list(self._webhooks)

    def reset(self) -> None:
        """Forget the webhooks and the script."""
        with self._arrived:
            self._webhooks, self._script = [], []

    def _receive(self, request: Request) -> Response:
        with self._arrived:
            answer = self._next_answer(request.path)
            received = ReceivedWebhook(
                path=request.path,
                headers=request.headers,
                body_base64=base64.b64encode(request.body).decode(),
                received_at=self._clock.now(),
                verified=self._verified(request),
                answered=0 if answer.drop else answer.status,
            )
            self._webhooks.append(received)
            self._arrived.notify_all()
        if answer.hang_s:
            self._sleeper.sleep(answer.hang_s)
        if answer.drop:
            raise DropConnection
        return Response(answer.status, {"Location": answer.location} if answer.location else {})

    def _next_answer(self, path: str) -> Answer:
        for index, answer in enumerate(self._script):
            if answer.path_contains in path:
                return self._script.pop(index)
        return Answer()

    def _verified(self, request: Request) -> bool | None:
        """Check as `standardwebhooks` does, but the age by our clock, not by the wall clock."""
        if self._secret is None:
            return None
        headers = request.headers
        stamp = headers.get("webhook-timestamp", "")
        if not stamp.isdecimal() or abs(self._clock.now() - int(stamp)) > _TOLERANCE_S:
            return False
        at = dt.datetime.fromtimestamp(int(stamp), dt.UTC)
        body = request.body.decode("utf-8", "replace")
        expected = Webhook(self._secret).sign(headers.get("webhook-id", ""), at, body)
        given = headers.get("webhook-signature", "").split(" ")
        return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)

    def _report(self) -> dict[str, Any]:
        webhooks = self.webhooks
        rows = [
            one.model_dump(mode="json") | {"body": one.body.decode("utf-8", "replace")}
            for one in webhooks
        ]
        return {"count": len(rows), "webhooks": rows}

    def _load_script(self, request: Request) -> Response:
        try:
            answers = TypeAdapter(list[Answer]).validate_json(request.body)
        except ValidationError as exc:
            return json_response(
                422, {"errors": exc.errors(include_context=False, include_url=False)}
            )
        self.script(*answers)
        return json_response(200, None)

    def _load_secret(self, request: Request) -> Response:
        self.use_secret(str(request.json()["secret"]))
        return json_response(200, None)
