"""The vendors' simulators without sockets: the adapters' requests go straight to their routes."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx

from dailies.adapters.guarded_fetch import GuardedFetcher
from dailies.domain.catalogue import load_catalogue
from local.simulators.callbacks import Callback, CallbackWorker
from local.simulators.clips import ClipSpec, ClipStudio
from local.simulators.clock import Sleeper
from local.simulators.director import Director
from local.simulators.gemini import GeminiSimulator
from local.simulators.google import GoogleSimulator
from local.simulators.kling import KlingSimulator
from local.simulators.server import DropConnection, Request, Response
from local.simulators.state import TaskStore
from local.simulators.vendor import Ports, VendorSimulator, World
from tests.fakes.time import ManualClock
from tests.storage.doubles import an_mp4

_CLIP_BYTES = 6_000


class StageTime:
    """The simulators' clock, driven by the stage's."""

    def __init__(self) -> None:
        """Begin with a clock that is replaced by each job's own."""
        self.of = ManualClock()

    def now(self) -> float:
        """Return the time as unix seconds."""
        return self.of.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.of.sleep(seconds)

    def stop(self) -> None:
        """End no sleep: none is under way."""

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Refuse: nothing waits in threads here."""
        raise AssertionError("a virtual clock is not waited for")


class _TinyClips:
    """Results that begin like an MP4: nobody looks at them."""

    def size(self, resolution: str, aspect_ratio: str) -> tuple[int, int]:
        return 16, 16

    def clip(self, spec: ClipSpec) -> bytes:
        return an_mp4(_CLIP_BYTES + spec.sample)

    def prepare(self, specs: list[ClipSpec]) -> None:
        return

    def close(self) -> None:
        return


class _Callbacks(CallbackWorker):
    """Sends callbacks when the virtual clock gets there, through `deliver`."""

    def __init__(self, time: StageTime, store: TaskStore, deliver: httpx.BaseTransport) -> None:
        super().__init__(time, store)
        self._time = time
        self._client = httpx.Client(transport=deliver, trust_env=False)
        self._dropped: set[str] = set()

    def schedule(self, at: float, callback: Callback) -> None:
        moment = dt.datetime.fromtimestamp(at, dt.UTC)
        self._time.of.at(moment, partial(self._send_now, callback))

    def _send_now(self, callback: Callback) -> None:
        if callback.task_id not in self._dropped:
            self._store.record_callback(self._send(callback))

    def drop(self, task_id: str) -> None:
        self._dropped.add(task_id)

    def forget(self) -> None:
        self._dropped.clear()

    def stop(self) -> None:
        self._client.close()


class SimulatedVendors:
    """Three vendors with all their dialects, their network, and their callbacks."""

    def __init__(self, director: Director, called_back: Callable[[httpx.Request], int]) -> None:
        """Let `called_back` answer the vendors' callbacks."""
        self.time = StageTime()
        world = World(
            clock=self.time,
            sleeper=cast(Sleeper, self.time),
            director=director,
            studio=cast(ClipStudio, _TinyClips()),
            catalogue=load_catalogue(),
            host="127.0.0.1",
            speed=1.0,
            prerender=False,
        )
        kling = KlingSimulator(world, Ports())
        google = GoogleSimulator(world, Ports())
        gemini = GeminiSimulator(world, Ports())
        self.by_name: dict[str, VendorSimulator] = {
            one.name: one for one in (kling, google, gemini)
        }
        receiver = httpx.MockTransport(lambda request: httpx.Response(called_back(request)))
        for calling in (kling, gemini):
            calling.callbacks = _Callbacks(self.time, calling.store, receiver)
        gemini.webhooks.worker = gemini.callbacks
        self.client = httpx.Client(transport=_Network(self), trust_env=False)

    def close(self) -> None:
        """Give back the ports that the simulators bound without serving."""
        self.client.close()
        for one in self.by_name.values():
            one.stop()

    @property
    def hosts(self) -> dict[str, Callable[[Request], Response]]:
        """Return what answers at each `host:port`."""
        found: dict[str, Callable[[Request], Response]] = {}
        for one in self.by_name.values():
            found[urlsplit(one.base_url).netloc] = one.api
            found[urlsplit(one.files_url).netloc] = one.files
        return found

    @property
    def endpoints(self) -> dict[str, str]:
        """Return the addresses that an adapter is given instead of the vendor's own."""
        found = {name: one.base_url for name, one in self.by_name.items()}
        for name, one in self.by_name.items():
            found |= {f"{name}.{host}": url for host, url in one.endpoints().items()}
        return found

    def reset(self, clock: ManualClock) -> None:
        """Forget everything, and go by another clock."""
        self.time.of = clock
        for one in self.by_name.values():
            one.reset()


class _Network(httpx.BaseTransport):
    """Carries requests to simulators, as badly as they want it."""

    def __init__(self, vendors: SimulatedVendors) -> None:
        self._hosts, self._time = vendors.hosts, vendors.time

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = urlsplit(request.url.raw_path.decode())
        asked = Request(
            request.method,
            target.path,
            parse_qs(target.query, keep_blank_values=True),
            {name.lower(): value for name, value in request.headers.items()},
            request.read(),
        )
        begun = self._time.now()
        try:
            answer = self._hosts[request.url.netloc.decode()](asked)
        except DropConnection:
            raise httpx.RemoteProtocolError("disconnected without an answer") from None
        if self._time.now() - begun > (request.extensions["timeout"]["read"] or 1e9):
            raise httpx.ReadTimeout("no answer in time", request=request)
        headers = {"Content-Length": str(len(answer.body))} | answer.headers
        return httpx.Response(answer.status, headers=headers, stream=_Body(answer))


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        cut = self._answer.cut_after_bytes
        yield self._answer.body[:cut]
        if cut is not None and cut < len(self._answer.body):
            raise httpx.RemoteProtocolError("closed in the middle")


class InProcessFetcher(GuardedFetcher):
    """The real fetcher over that network."""

    def __init__(self, vendors: SimulatedVendors) -> None:
        """Allow the simulators' addresses."""
        super().__init__(frozenset(vendors.hosts))
        self._vendors = vendors

    @cached_property
    def _client(self) -> Any:
        return self._vendors.client
