"""A whole stage that fails: real definitions, handlers and adapters in faulty surroundings."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.faulty.director import RandomDirector
from bench.faulty.draws import Draws, RandomFaults
from bench.faulty.machines import FaultyFarm
from bench.faulty.network import InProcessFetcher, SimulatedVendors
from bench.faulty.ports import (
    FaultyLedger,
    FaultyMedia,
    FaultyProviders,
    FaultyStats,
    Receiver,
    failed,
    record_of,
)
from dailies.bootstrap import CallbackPorts
from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import PipelineError, StorageError
from dailies.domain.events import Event
from dailies.domain.ports import ExecutionStatus
from dailies.handlers import deliver_webhook, provider_callback, publish, start_webhook
from dailies.handlers.boundary import Permanent, Throttled, Transient
from dailies.providers import Registry
from dailies.services.deliver_webhook import DeliverWebhookPorts
from dailies.services.generation_request import RequestBuilder
from dailies.services.publish import PublishPorts
from dailies.services.republish import republish
from dailies.services.submit import SubmitPorts
from local.simulators.director import Subject
from tests.fakes.notification import MemoryEndpoints, MemorySecrets
from tests.fakes.time import ManualClock
from tests.fakes.vendor import Killed
from tests.workflow.stage import Stage, TooManyRequests
from tests.workflow.walk import Walk, definition
from tests.workflow.wiring import CALLBACK_KEY, Context, Wiring

PUBLIC_URL = "https://api.example"
_WEBHOOK_KEY = "the stage's webhook key"
_STREAM_TRIES = 4
_VISIBILITY_S = 60
_RECEIVES = 5
_CLIENT_TRIES = 200
_EXPECTED = (Killed, PipelineError, Permanent, Throttled, Transient, TooManyRequests)


class ExecutionThrottled(Exception):
    """Step Functions did not answer."""


@dataclass
class FaultyWiring(Wiring):
    """The functions' ports, with the real adapters."""

    @property
    def signing(self) -> MemorySecrets:
        """Return the stage's signing keys."""
        keys = {"callback_key": CALLBACK_KEY, "webhook_key": _WEBHOOK_KEY}
        return MemorySecrets({"signing": keys})

    def submit_ports(self) -> SubmitPorts:
        """Return Submit's ports: with the real request builder."""
        ports = super().submit_ports()
        builder = RequestBuilder(self.ledger, self.catalogue, lambda: self.media)
        return replace(ports, request_for=builder)

    def callback_ports(self, workflow: Any) -> CallbackPorts:
        """Return what taking a callback needs."""
        return CallbackPorts(
            self.ledger, workflow, self.providers, self.catalogue, self.signing, PUBLIC_URL
        )


@dataclass
class FaultyStage(Stage):
    """One job's stage. Everything that goes wrong is drawn from `draws`."""

    draws: Draws = field(default_factory=lambda: Draws(random.Random(0), 0))  # noqa: S311
    network: SimulatedVendors | None = None
    dead_letters: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Errors that are not among those which may come out of a function."""

    def __post_init__(self) -> None:
        """Put everything together."""
        if self.network is None:
            raise ValueError("a faulty stage has vendors")
        random_faults = RandomFaults(self.draws)
        self.faults = random_faults
        self.stats = FaultyStats(draws=self.draws)
        self.ledger: FaultyLedger = FaultyLedger(random_faults)
        self.ledger.streamed = lambda event: self.clock.after(0.3, partial(self._stream, event, 1))
        self.media = FaultyMedia(random_faults)
        self.farm = FaultyFarm(self.clock, self.media, on_end=self._nested_ended, draws=self.draws)
        secrets = {f"providers/{n}": _texts(v.credentials) for n, v in self._vendors().items()}
        registry = Registry(
            MemorySecrets(secrets), self.clock, self.network.endpoints, self.network.client
        )
        self.wiring = FaultyWiring(
            self.ledger,
            self.clock,
            FaultyProviders(registry, random_faults),  # type: ignore[arg-type]
            self.reachable,
            self.media,
            InProcessFetcher(self.network),
            self.stats,
            compute=self.farm,
        )
        self.catalogue = self.wiring.catalogue
        self.receiver = Receiver(self.draws, _WEBHOOK_KEY, self.clock.now)
        functions = self.wiring.functions() | {"DeliverWebhook": self._deliver_webhook}
        self.handlers = {
            name: partial(self._function, name, invoke) for name, invoke in functions.items()
        }
        self.handlers["WebhookDeadLetterQueueUrl"] = self._dead_letter

    def _vendors(self) -> Mapping[str, Any]:
        return self.network.by_name if self.network else {}

    def _function(self, name: str, invoke: Any, event: Mapping[str, Any]) -> Any:
        kind = self.draws.hit("Lambda", "no room", "dies at once")
        if kind == "no room":
            raise TooManyRequests
        if kind:
            raise Killed
        try:
            return super()._function(name, invoke, event)
        except _EXPECTED:
            raise
        except Exception as exc:
            self.surprises.append(f"{name}: {exc!r}")
            raise

    # ------------------------------------------------------------ Step Functions

    def start(self, job_id: str, run: int) -> bool:
        """Start a run, unless the quota is used up or nobody answers."""
        kind = self.draws.hit("StartExecution", "quota", "unavailable", "answer lost")
        if kind == "quota":
            return False
        if kind == "unavailable":
            raise StorageError("Step Functions did not answer")
        started = super().start(job_id, run)
        if kind:
            raise StorageError("Step Functions' answer was lost")
        return started

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        """Describe a run."""
        self.draws.down("DescribeExecution")
        return super().status(job_id, run)

    def stop(self, job_id: str, run: int, cause: str) -> None:
        """Stop a run."""
        self.draws.down("StopExecution")
        super().stop(job_id, run, cause)

    def wake(self, token: str) -> None:
        """Wake a wait."""
        self.draws.down("SendTaskSuccess")
        super().wake(token)

    def _tell_end_of(self, walk: Walk) -> None:
        if walk.machine is self.machine and not self.draws.hit("end of an execution", "not told"):
            super()._tell_end_of(walk)

    # ------------------------------------------------------------ callbacks

    def called_back(self, request: httpx.Request) -> int:
        """Answer a vendor's callback as the API does."""
        _, _, _, vendor, attempt, secret = urlsplit(str(request.url)).path.split("/")
        event = {
            "pathParameters": {"vendor": vendor, "attempt": attempt, "secret": secret},
            "headers": dict(request.headers),
            "body": request.read().decode(),
        }
        answer: list[int] = []

        def receive() -> None:
            ports = self.wiring.callback_ports(self)
            answer.append(provider_callback.handler(event, Context(), ports)["statusCode"])

        self._once("Callback", receive)
        return answer[0] if answer else 502

    # ------------------------------------------------------------ events and webhooks

    def _stream(self, event: Event, tries: int) -> None:
        if tries == 1 and self.draws.hit("stream", "event lost"):
            return
        ports = PublishPorts(self.ledger, self)  # type: ignore[arg-type]
        batch = {"Records": [record_of(event)]}
        answers: list[Any] = []
        self._once("Publish", lambda: answers.append(publish.handler(batch, Context(), ports)))
        if (not answers or failed(answers[0])) and tries < _STREAM_TRIES:
            self.clock.after(2**tries, partial(self._stream, event, tries + 1))

    def put(self, event: Event, detail: Mapping[str, Any]) -> None:
        """Take an event: the EventBus port, and the rule that fills the webhooks' queue."""
        kind = self.draws.hit("bus", "unavailable", "answer lost", "delivered twice")
        if kind == "unavailable":
            raise StorageError("the bus did not answer")
        if "webhook" in detail["sinks"]:
            for _ in range(2 if kind == "delivered twice" else 1):
                self.clock.after(0.2, partial(self._receive, json.dumps({"detail": detail}), 1))
        if kind == "answer lost":
            raise StorageError("the bus's answer was lost")

    def _receive(self, message: str, times: int) -> None:
        detail = json.loads(message)["detail"]
        ref = {k: detail[k] for k in ("v", "event_id", "job_id", "seq")}
        batch = {"Records": [{"messageId": "1", "body": json.dumps({"detail": ref})}]}
        answers: list[Any] = []
        deliveries = _Deliveries(self)
        self._once(
            "StartWebhook",
            lambda: answers.append(start_webhook.handler(batch, Context(), deliveries)),
        )
        if answers and not failed(answers[0]):
            return
        if times < _RECEIVES:
            self.clock.after(_VISIBILITY_S, partial(self._receive, message, times + 1))
        else:
            self.dead_letters.append(ref["event_id"])

    def begin_delivery(self, ref: DeliveryRef) -> None:
        """Start one delivery's execution."""
        kind = self.draws.hit("start of a delivery", "unavailable", "answer lost")
        if kind == "unavailable":
            raise StorageError("Step Functions did not answer")
        if ref.execution_name not in self.walks:
            self.walks[ref.execution_name] = Walk(
                ref.execution_name,
                definition("deliver_webhook"),
                ref.model_dump(mode="json"),
                self.handlers,
                self.clock,
                self.ledger,
                self.faults,
                self.farm,
            )
        if kind:
            raise StorageError("Step Functions' answer was lost")

    def _deliver_webhook(self, event: Mapping[str, Any]) -> Any:
        ports = DeliverWebhookPorts(
            ledger=self.ledger,
            endpoints=MemoryEndpoints(),
            poster=self.receiver,
            secrets=self.wiring.signing,
            clock=self.clock,
        )
        return deliver_webhook.handler(event, Context(), ports)

    def _dead_letter(self, message: Mapping[str, Any]) -> Any:
        self.draws.down("dead-letter queue")
        self.dead_letters.append(message["event_id"])
        return {}

    # ------------------------------------------------------------ time

    def _sweep(self) -> None:
        super()._sweep()
        republish(self.ledger, self, self.clock)  # type: ignore[arg-type]

    def _first_due(self) -> dt.datetime | None:
        far = dt.datetime.max.replace(tzinfo=dt.UTC)
        moments = [event.at for event in self.ledger.unpublished(far, limit=1)]
        overdue = [moment + dt.timedelta(seconds=61) for moment in moments]
        due = super()._first_due()
        return min([*overdue, due]) if due else (overdue[0] if overdue else None)

    def _once(self, step: str, do: Callable[[], Any]) -> bool:
        if step != "Client" and self.draws.hit(f"Lambda of {step}", "dies at once"):
            return False
        with self.faults.during(step):
            try:
                do()
            except _EXPECTED:
                return False
            except Exception as exc:
                self.surprises.append(f"{step}: {exc!r}")
                return False
        return True

    def _insist(self, step: str, do: Callable[[], Any]) -> None:
        if not any(self._once(step, do) for _ in range(_CLIENT_TRIES)):
            self.surprises.append("a client that is never answered")


@dataclass
class _Deliveries:
    """The DeliveryWorkflow port."""

    stage: FaultyStage

    def start(self, ref: DeliveryRef) -> None:
        self.stage.begin_delivery(ref)


def _texts(credentials: Mapping[str, Any]) -> dict[str, str]:
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in credentials.items()}


class Yard:
    """Makes stages, one job's after the other, over the same simulators."""

    def __init__(self) -> None:
        """Build the simulators once: their keys take time."""
        self.director = RandomDirector()
        self._stage: FaultyStage | None = None
        self.network = SimulatedVendors(self.director, self._called_back)
        self.director.is_young = self._is_young

    def stage(self, rng: random.Random, rate: float) -> FaultyStage:
        """Return a new stage; the one before it is forgotten."""
        clock, draws = ManualClock(), Draws(rng, rate)
        self.network.reset(clock)
        self.director.begin(draws, rng.randrange(2**31))
        self._stage = FaultyStage({}, clock, draws=draws, network=self.network)
        return self._stage

    def _is_young(self, vendor: str, subject: Subject) -> bool:
        """Whether the vendor may not know its own task yet."""
        simulator = self.network.by_name[vendor]
        task = simulator.store.by_external_id(subject.external_id)
        age_s = self.network.time.now() - task.created_at if task else 0.0
        return age_s < simulator.spec.acceptance_s

    def close(self) -> None:
        """Give back what the simulators hold."""
        self.network.close()

    def _called_back(self, request: httpx.Request) -> int:
        return self._stage.called_back(request) if self._stage else 502
