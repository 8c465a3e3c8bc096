"""Delivery of callbacks: when the clock says so, in order for each task, by Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import itertools
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import httpx

from local.simulators.clock import Clock
from local.simulators.state import SentCallback, TaskStore

_SENDERS = 4
_TIMEOUT_S = 10.0


def new_webhook_secret() -> str:
    """Return a secret as consoles show it: `whsec_` and 32 random bytes in Base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the `webhook-signature` of a body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@dataclass(frozen=True)
class Callback:
    """One callback to send."""

    task_id: str
    status: str
    url: str
    webhook_id: str
    body: Callable[[], bytes]
    """Makes the body when it is sent."""
    secret: str | None
    """Signs by Standard Webhooks; None leaves that out."""
    token: Callable[[float], str] | None = None
    """Makes the whole signature, when it is sent: for vendors that sign with tokens."""
    kind: Literal["genuine", "unsigned", "forged"] = "genuine"


@dataclass(order=True)
class _Due:
    at: float
    order: int
    callback: Callback = field(compare=False)


class CallbackWorker:
    """Sends callbacks when they are due, each once: the vendor documents no retries."""

    def __init__(self, clock: Clock, store: TaskStore) -> None:
        """Take the time from `clock` and record answers in `store`."""
        self._clock = clock
        self._store = store
        self._waiting: list[_Due] = []
        self._order = itertools.count()
        self._in_flight = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._queues: list[queue.SimpleQueue[Callback | None]] = [
            queue.SimpleQueue() for _ in range(_SENDERS)
        ]
        self._client = httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._threads = [threading.Thread(target=self._dispatch, daemon=True)]
        self._threads += [
            threading.Thread(target=self._send_all, args=(q,), daemon=True) for q in self._queues
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for sender in self._queues:
            sender.put(None)
        for thread in self._threads:
            thread.join(timeout=1)
        self._client.close()

    def schedule(self, at: float, callback: Callback) -> None:
        """Send the callback when the clock reaches `at`."""
        with self._changed:
            heapq.heappush(self._waiting, _Due(at, next(self._order), callback))
            self._changed.notify_all()

    def drop(self, task_id: str) -> None:
        """Drop what is not sent yet of one task."""
        with self._changed:
            self._waiting = [due for due in self._waiting if due.callback.task_id != task_id]
            heapq.heapify(self._waiting)
            self._changed.notify_all()

    def forget(self) -> None:
        """Drop everything that is not sent yet."""
        with self._changed:
            self._waiting.clear()

    def settle(self, timeout_s: float = 10) -> bool:
        """Wait (in real time) until everything that is due has been sent; return whether it has."""
        with self._changed:
            return self._changed.wait_for(self._settled, timeout_s)

    def _settled(self) -> bool:
        return self._in_flight == 0 and not (
            self._waiting and self._waiting[0].at <= self._clock.now()
        )

    def _dispatch(self) -> None:
        with self._changed:
            while not self._stopped:
                if self._waiting and self._waiting[0].at <= self._clock.now():
                    callback = heapq.heappop(self._waiting).callback
                    self._in_flight += 1
                    self._queues[hash(callback.task_id) % _SENDERS].put(callback)
                else:
                    self._clock.wait(self._changed, self._waiting[0].at if self._waiting else None)

    def _send_all(self, mine: queue.SimpleQueue[Callback | None]) -> None:
        while (callback := mine.get()) is not None:
            self._store.record_callback(self._send(callback))
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _send(self, callback: Callback) -> SentCallback:
        now = self._clock.now()
        sent = SentCallback(
            task_id=callback.task_id,
            status=callback.status,
            kind=callback.kind,
            url=callback.url,
            sent_at=now,
        )
        body = callback.body()
        headers = {"Content-Type": "application/json"}
        if callback.token is not None:
            headers |= {
                "webhook-id": callback.webhook_id,
                "webhook-timestamp": str(int(now)),
                "webhook-signature": callback.token(now),
            }
        if callback.secret is not None:
            headers |= {
                "webhook-id": callback.webhook_id,
                "webhook-timestamp": str(int(now)),
                "webhook-signature": signature(
                    callback.secret, callback.webhook_id, int(now), body
                ),
            }
        try:
            sent.answer = self._client.post(callback.url, content=body, headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            sent.error = type(exc).__name__
        return sent
