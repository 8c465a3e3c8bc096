"""Keeps a task ours while it is worked on: renews its lease and hides its message."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from enhance.storage.presigned import Method
from enhance.worker.cloud import Cloud, CloudError, Lease, Message

_LOG = logging.getLogger("enhance.worker")
_BEATS = 3
"""Renewals per lease: two may fail."""
_RETRY_S = 1.0
_REISSUED = 16
"""So many of the objects asked for last get fresh URLs with each renewal."""

Offer = Callable[[Method, Mapping[str, str]], object]


class LostError(Exception):
    """The task is no longer ours."""


class Heartbeat:
    """While it is entered, a thread renews. `lost` says that the task went to somebody else."""

    def __init__(
        self,
        cloud: Cloud,
        message: Message,
        lease: Lease,
        *,
        offer: Offer = lambda method, urls: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloud = cloud
        self._message = message
        self._lease_s = lease.wait_s
        self._clock = clock
        self._until = clock() + lease.wait_s
        self._calls = threading.Lock()
        self._ended = threading.Event()
        self._asked: OrderedDict[tuple[Method, str], None] = OrderedDict()
        self.offer = offer
        """Takes the URLs that come with a renewal."""
        self.lost = threading.Event()
        self.gone = False
        """Whether nobody needs the task any more."""
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def sign(self, method: Method, names: Sequence[str]) -> dict[str, str]:
        """Return a fresh URL for each name; that renews the lease, too.

        Raises:
            LostError: the task is no longer ours.
            CloudError: the function did not answer.
        """
        if self.lost.is_set():
            raise LostError
        for name in names:
            self._asked[method, name] = None
            self._asked.move_to_end((method, name))
        while len(self._asked) > _REISSUED:
            self._asked.popitem(last=False)
        answer = self._renew({method: names})
        return answer.get if method == "GET" else answer.put

    def _renew(self, wanted: Mapping[Method, Sequence[str]]) -> Lease:
        with self._calls:
            began = self._clock()
            answer = self._cloud.lease(
                self._message, "renew", get=wanted.get("GET", ()), put=wanted.get("PUT", ())
            )
            if answer.state != "leased":
                self.gone = answer.state == "gone"
                self.lost.set()
                raise LostError
            self._until = began + answer.wait_s
        return answer

    def _beat(self) -> None:
        pause = self._lease_s / _BEATS
        while not self._ended.wait(pause) and not self.lost.is_set():
            try:
                self._keep()
                pause = self._lease_s / _BEATS
            except LostError:
                return
            except CloudError as error:
                pause = min(_RETRY_S, self._lease_s / _BEATS)
                _LOG.warning("The lease was not renewed: %s", error)
                if self._clock() >= self._until:  # somebody else may have the task by now
                    self.lost.set()

    def _keep(self) -> None:
        wanted: dict[Method, list[str]] = {"GET": [], "PUT": []}
        for method, name in list(self._asked):
            wanted[method].append(name)
        answer = self._renew(wanted)
        try:
            self._cloud.hide(self._message, self._lease_s)
        except CloudError as error:
            # The lease alone decides: whoever receives the message meanwhile finds the task taken.
            _LOG.warning("The message may come to another worker: %s", error)
        self.offer("GET", answer.get)
        self.offer("PUT", answer.put)
