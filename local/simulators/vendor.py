"""What every vendor's simulator has: servers, a store, and the scenario's faults."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dailies.domain.catalogue import Catalogue, Latency
from local.simulators.clips import ClipSpec, ClipStudio
from local.simulators.clock import Clock, Sleeper
from local.simulators.control import add_control_routes
from local.simulators.director import Director, Subject
from local.simulators.scenario import (
    Action,
    Drop,
    Fail,
    Hang,
    HttpError,
    Moderation,
    Occasion,
    PartialRai,
    Throttle,
)
from local.simulators.server import (
    DropConnection,
    Handler,
    HttpServer,
    Request,
    Response,
    Router,
)
from local.simulators.shelf import Shelf
from local.simulators.state import Ending, Task, TaskStore


@dataclass(frozen=True)
class World:
    """What the simulators of one run share."""

    clock: Clock
    sleeper: Sleeper
    director: Director
    studio: ClipStudio
    catalogue: Catalogue
    host: str
    speed: float
    prerender: bool
    """Draw each clip when its task is created, not when it is fetched."""
    shelf: Shelf = field(default_factory=Shelf)
    """Where tasks and keys outlive the process."""


@dataclass(frozen=True)
class Ports:
    """Ports to listen on; 0 takes a free one."""

    api: int = 0
    files: int = 0


class Refused(Exception):
    """The call is answered with an error and changes nothing."""

    def __init__(self, response: Response) -> None:
        """Carry the answer."""
        super().__init__(response.status)
        self.response = response


class VendorSimulator(ABC):
    """One vendor: an API server, a server for results, and the state behind both."""

    name: ClassVar[str]

    def __init__(self, world: World, ports: Ports) -> None:
        """Bind the ports without serving yet."""
        self.world = world
        self.spec = world.catalogue.vendor(self.name)
        self.store = TaskStore(world.shelf.journal(self.name))
        self.credentials: dict[str, Any] = {}
        self.api = Router(self.not_found)
        self.files = Router(self.file_not_found)
        self._api_server = self._server(self.api, ports.api)
        self._file_server = self._server(self.files, ports.files)
        self.base_url = self._api_server.base_url
        self.files_url = self._file_server.base_url
        """Where results are fetched from: another origin than the API, as with the vendor."""
        add_control_routes(self)

    def _server(self, router: Router, port: int) -> HttpServer:
        def counted(request: Request) -> Response:
            if not request.path.startswith("/_simulator/"):
                self.store.count_endpoint(f"{request.method} {request.path}")
            return router(request)

        return HttpServer(counted, host=self.world.host, port=port, sleeper=self.world.sleeper)

    def start(self) -> None:
        """Begin to answer."""
        self._api_server.start()
        self._file_server.start()

    def settle(self) -> None:  # noqa: B027 - most vendors call nobody back
        """Wait until every callback that is due has been sent."""

    def stop(self) -> None:
        """Stop answering, and write down what is not yet."""
        self._api_server.stop()
        self._file_server.stop()
        self.store.save()

    def describe(self) -> dict[str, Any]:
        """Return what a client needs to know, as printed on start."""
        return {
            "base_url": self.base_url,
            "endpoints": self.endpoints(),
            "files_url": self.files_url,
            "credentials": self.credentials,
        }

    def endpoints(self) -> dict[str, str]:
        """Return the addresses of the vendor's further hosts, by their names in the catalogue."""
        return {}

    # What a test asks

    @property
    def tasks(self) -> list[Task]:
        """Return every accepted task, oldest first."""
        return self.store.all()

    @property
    def calls(self) -> dict[str, int]:
        """Return the numbers of calls by kind: submit, submit_refused, poll, lookup, and so on."""
        return self.store.calls()

    @property
    def created(self) -> int:
        """Return how many tasks were accepted: each is a paid task."""
        return len(self.store.all())

    @property
    def billed(self) -> int:
        """Return how many tasks the vendor has charged for so far."""
        return sum(task.billed(self.world.clock.now()) for task in self.store.all())

    def created_for(self, external_id: str) -> int:
        """Return how many tasks were accepted under an external id, or a folder of that name."""
        folders = (task.external_id.rstrip("/").split("/") for task in self.store.all())
        whole = sum(task.external_id == external_id for task in self.store.all())
        return whole or sum(external_id in parts for parts in folders)

    def reset(self) -> None:
        """Forget every task and every count."""
        self.store.reset()

    # What the vendors differ in

    @abstractmethod
    def not_found(self, request: Request) -> Response:
        """Answer a call to a path that does not exist."""

    @abstractmethod
    def file_not_found(self, request: Request) -> Response:
        """Answer a request for a result that does not exist."""

    @abstractmethod
    def throttled(self, fault: Throttle, on: Occasion) -> Response:
        """Return the vendor's 429."""

    @abstractmethod
    def failed(self, fault: HttpError) -> Response:
        """Return the vendor's form of an HTTP error."""

    @abstractmethod
    def blocked(self, fault: Moderation) -> Response:
        """Return the vendor's refusal of the content."""

    @abstractmethod
    def status(self, task: Task, now: float) -> str:
        """Return the vendor's word for a task's state."""

    # Faults of calls

    def before(self, fault: Action | None, on: Occasion) -> None:
        """Do what the scenario wants before the call has an effect, which may be to raise."""
        match fault:
            case Throttle():
                raise Refused(self.throttled(fault, on))
            case HttpError(when="before"):
                raise Refused(self.failed(fault))
            case Moderation(when="before"):
                raise Refused(self.blocked(fault))
            case Drop(when="before"):
                raise DropConnection
            case Hang(when="before"):
                self.world.sleeper.sleep(fault.seconds)
            case _:
                return

    def after(self, fault: Action | None, response: Response) -> Response:
        """Do what the scenario wants done after the call took effect, or return its answer."""
        match fault:
            case HttpError(when="after"):
                return self.failed(fault)
            case Drop(when="after"):
                raise DropConnection
            case Hang(when="after"):
                self.world.sleeper.sleep(fault.seconds)
                return response
            case _:
                return response

    def submit(self, handler: Handler) -> Handler:
        """Count a submit, and whether it was refused."""

        def counted(request: Request) -> Response:
            self.store.count("submit")
            try:
                return handler(request)
            except Refused as refusal:
                self.store.count("submit_refused")
                return refusal.response

        return counted

    def call(self, handler: Handler) -> Handler:
        """Let a handler refuse."""

        def answered(request: Request) -> Response:
            try:
                return handler(request)
            except Refused as refusal:
                return refusal.response

        return answered

    # Tasks

    def duration_s(self, model_id: str, subject: Subject) -> float:
        """Return how long a new task takes: by the scenario, else drawn by the catalogue."""
        fixed = self.world.director.duration_s(self.name, subject)
        if fixed is not None:
            return fixed
        model = self.spec.model(model_id)
        seed = f"{self.world.director.scenario.seed}/{self.name}/{self.created}"
        return (
            draw_latency_s(model.latency_s, random.Random(seed)) / self.world.speed
            if model
            else 0.0
        )

    def ending(self, subject: Subject, *, blocked_message: str) -> Ending:
        """Return how a new task ends."""
        match self.world.director.end(self.name, subject):
            case Fail() as fail:
                return Ending(kind="failed", message=fail.message, code=fail.code)
            case Moderation() as moderation:
                return Ending(kind="blocked", message=moderation.message or blocked_message)
            case PartialRai() as partial:
                return Ending(filtered=partial.filtered, message=partial.message or blocked_message)
            case _:
                return Ending()

    def clip_spec(
        self, task: Task, *, frames: int, sample: int = 0, watermark: bool = False
    ) -> ClipSpec:
        """Return what a task's clip is to show."""
        width, height = self.world.studio.size(task.resolution, task.aspect_ratio)
        title = f"{task.model} · {task.resolution} · {task.aspect_ratio}"
        return ClipSpec(
            width,
            height,
            frames,
            task.audio,
            task.prompt,
            title,
            task.scene,
            task.attempt,
            sample,
            watermark,
            task.image,
        )

    def prepare(self, specs: list[ClipSpec]) -> None:
        """Draw clips ahead of time, where this run does so."""
        if self.world.prerender:
            self.world.studio.prepare(specs)


def draw_latency_s(latency: Latency, rng: random.Random) -> float:
    """Return a draw of the log-normal through p50 and p95, from q02 to twice p95."""
    sigma = math.log(latency.p95 / latency.p50) / 1.6449
    return min(max(rng.lognormvariate(math.log(latency.p50), sigma), latency.q02), 2 * latency.p95)
