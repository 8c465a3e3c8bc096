"""When to stop early: a signal, or the cloud's notice that it takes a Spot machine back."""

from __future__ import annotations

import json
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import urllib3

from enhance.errors import InterruptedRunError

_POLL_S = 5.0
"""The notice comes two minutes ahead; AWS asks to look every five seconds."""
_TOKEN_S = 300


class Interruption:
    """Set once, from a signal handler or a thread; read between frames."""

    def __init__(self) -> None:
        # An Event's lock may be held by the very thread that a handler interrupts: this queue alone
        # is made to be put into from there.
        self._requests: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.reason = ""

    def request(self, reason: str) -> None:
        """Ask the run to stop at the next frame. The first reason stays."""
        self.reason = self.reason or reason
        self._requests.put(reason)

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return bool(self.reason)

    def wait(self, timeout_s: float) -> bool:
        """Wait for a request; return whether there is one."""
        try:
            self._requests.put(self._requests.get(timeout=timeout_s))  # for others who wait
        except queue.Empty:
            pass
        return self.requested

    def check(self) -> None:
        """Raise InterruptedRunError where a stop was asked for."""
        if self.requested:
            raise InterruptedRunError(
                "interrupted", f"{self.reason}: finished chunks are kept; run it again to go on."
            )


@contextmanager
def on_signals(interruption: Interruption) -> Iterator[None]:
    """Turn the first SIGTERM or Ctrl-C into a request; a second one ends the process at once."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def stop(number: int, _: FrameType | None) -> None:
        interruption.request(f"stopped by {signal.Signals(number).name}")
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SpotNotice:
    """Asks the instance metadata service (IMDSv2) whether this machine is about to go.

    From a container the answer's hop limit must be 2 on the instance. A machine without the service
    is simply never taken back.
    """

    def __init__(
        self,
        interruption: Interruption,
        *,
        endpoint: str = "http://169.254.169.254",
        poll_s: float = _POLL_S,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._interruption = interruption
        self._endpoint = endpoint.rstrip("/")
        self._poll_s = poll_s
        self._warn = warn
        self._http = urllib3.PoolManager(timeout=2.0, retries=False)
        self._closed = threading.Event()

    def __enter__(self) -> SpotNotice:
        threading.Thread(target=self._watch, name="spot-notice", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()

    def _watch(self) -> None:
        silent = False
        while not self._closed.is_set() and not self._interruption.requested:
            try:
                notice = self.ask()
                silent = False
            except urllib3.exceptions.HTTPError as error:
                if not silent:
                    self._warn(f"No Spot notices: the metadata service is silent ({error}).")
                silent, notice = True, None
            if notice:
                self._interruption.request(f"Spot notice: {notice}")
                return
            self._closed.wait(self._poll_s)

    def ask(self) -> str | None:
        """Return the announced action and its time, or None while there is none."""
        token = self._http.request(
            "PUT",
            f"{self._endpoint}/latest/api/token",
            headers={"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_S)},
        )
        reply = self._http.request(
            "GET",
            f"{self._endpoint}/latest/meta-data/spot/instance-action",
            headers={"X-aws-ec2-metadata-token": token.data.decode("ascii", "replace").strip()},
        )
        if reply.status != 200:  # 404 until the notice comes
            return None
        told = json.loads(reply.data)
        return f"{told.get('action')} at {told.get('time')}"
