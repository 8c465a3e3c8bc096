"""A whole stage in memory: the real definition and handlers over fakes, on one virtual clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from dailies.domain.changes import Creation
from dailies.domain.events import Event, EventType
from dailies.domain.ids import attempt_id, event_id, new_id
from dailies.domain.jobs import Job, JobRequest
from dailies.domain.ports import ExecutionStatus, Snapshot
from dailies.handlers import execution_ended, provider_callback
from dailies.services.cancel_job import cancel_job
from dailies.services.open_run import open_run
from dailies.services.sweep import SweepPorts, sweep
from tests.fakes.compute import Farm
from tests.fakes.time import ManualClock
from tests.fakes.vendor import FixedStats, Killed, Task, Vendor, VendorBook
from tests.workflow.faults import Faults, TracedLedger, TracedMedia
from tests.workflow.walk import Walk, definition
from tests.workflow.wiring import Context, Invoke, Wiring, callback_event

SWEEP_EVERY_S = 60
MOST_STEPS = 30_000
"""More than any story needs: a run that takes more is caught in a loop."""


@dataclass
class Stage:
    """Everything that a deployed stage has, small."""

    vendors: Mapping[str, Vendor]
    clock: ManualClock
    reachable: bool = True
    sweeping: bool = True
    faults: Faults = field(default_factory=Faults)
    stats: FixedStats = field(default_factory=FixedStats)
    walks: dict[str, Walk] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=lambda: definition("generate"))
    start_refused: int = 0
    """How many of the next starts the engine's quota refuses."""
    stops_lost: bool = False
    """Whether the engine takes a stop, and goes on."""
    throttled: dict[str, int] = field(default_factory=dict)
    """How many of the next invocations of a function Lambda has no room for."""
    dying: dict[str, int] = field(default_factory=dict)
    """How many of the next invocations of a function die before they do anything."""
    results: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What the functions returned, in order."""
    answered: list[int] = field(default_factory=list)
    """What callbacks were answered with."""

    def __post_init__(self) -> None:
        self.ledger = TracedLedger(self.faults)
        self.media = TracedMedia(self.faults)
        self.book = VendorBook(dict(self.vendors))
        for vendor in self.vendors.values():
            vendor.interrupt = partial(self._at_vendor, vendor)
        self.farm = Farm(self.clock, self.media, on_end=self._nested_ended)
        self.wiring = Wiring(
            self.ledger,
            self.clock,
            self.book,
            self.reachable,
            self.media,
            stats=self.stats,
            compute=self.farm,
        )
        self.catalogue = self.wiring.catalogue
        self.handlers: dict[str, Invoke] = {
            name: partial(self._function, name, invoke)
            for name, invoke in self.wiring.functions().items()
        }

    def _at_vendor(self, vendor: Vendor, phase: str, call: str) -> None:
        self.faults.at(phase, f"vendor's {call}")

    def _function(self, name: str, invoke: Invoke, event: Mapping[str, Any]) -> Any:
        if self.throttled.get(name, 0) > 0:
            self.throttled[name] -= 1
            raise TooManyRequests
        if self.dying.get(name, 0) > 0:
            self.dying[name] -= 1
            raise Killed
        with self.faults.during(name):
            result = invoke(event)
        self.results.append((name, result))
        return result

    @property
    def sweep_ports(self) -> SweepPorts:
        return SweepPorts(self.ledger, self.clock, self.catalogue, self, self.farm)

    def _nested_ended(self, name: str) -> None:
        for walk in list(self.walks.values()):
            if walk.nested == name:
                walk.nested_ended(self.farm.executions[name].status)

    # ------------------------------------------------------------ the Workflow port

    def start(self, job_id: str, run: int) -> bool:
        name = f"{job_id}-{run}"
        if self.start_refused:
            self.start_refused -= 1
            return False
        if name not in self.walks:
            event = {"v": 1, "job_id": job_id, "run": run}
            self.walks[name] = Walk(
                name,
                self.machine,
                event,
                self.handlers,
                self.clock,
                self.ledger,
                self.faults,
                self.farm,
            )
        return True

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        walk = self.walks.get(f"{job_id}-{run}")
        if walk is None:
            return ExecutionStatus.ABSENT
        return ExecutionStatus.ENDED if walk.ended else ExecutionStatus.RUNNING

    def stop(self, job_id: str, run: int, cause: str) -> None:
        if not self.stops_lost:
            self.walks[f"{job_id}-{run}"].stop()

    def wake(self, token: str) -> None:
        for walk in list(self.walks.values()):
            if walk.token == token:
                walk.wake()

    # ------------------------------------------------------------ what users and vendors do

    def create(self, **request: Any) -> str:
        """Create a job as the API does, and again if no answer came; return its id."""
        creation = creation_of(self.clock.now(), request)
        job_id = creation.job.job_id

        def post() -> None:
            if self.ledger.create(creation) is None:
                self.start(job_id, 1)

        self._insist("Client", post)
        return job_id

    def cancel(self, job_id: str) -> None:
        """Cancel a job as the API does, and again if no answer came."""

        def post() -> None:
            cancel_job(
                self.snapshot(job_id),
                ledger=self.ledger,
                workflow=self,
                compute=self.farm,
                clock=self.clock,
            )

        self._insist("Client", post)

    def redrive(self, job_id: str) -> None:
        """Open a new run by hand."""
        open_run(
            self.snapshot(job_id),
            ledger=self.ledger,
            workflow=self,
            clock=self.clock,
            automatic=False,
        )

    def abort(self, job_id: str, run: int) -> None:
        """End an execution from outside, as an operator or a fault of the engine does."""
        walk = self.walks.get(f"{job_id}-{run}")
        if walk is not None and not walk.ended:
            walk.stop()
            self._tell_end_of(walk)

    def call_back(self, external_id: str, body: str = "terminal", secret: str = "") -> None:
        """Let the vendor call back. It does so once, whatever the answer."""
        event = callback_event(external_id, body, secret)
        ports = self.wiring.callback_ports(self)

        def receive() -> None:
            answer = provider_callback.handler(event, Context(), ports)
            self.answered.append(answer["statusCode"])

        self._once("Callback", receive)

    def calls_back_when_done(self, vendor: Vendor) -> None:
        """Let a vendor call back at the end of each of its tasks."""

        def created(task: Task) -> None:
            if task.callback_url is not None and vendor.outcome != "never":
                self.clock.after(vendor.duration_s, partial(self.call_back, task.external_id))

        vendor.on_created = created

    def snapshot(self, job_id: str) -> Snapshot:
        snapshot = self.ledger.snapshot(job_id)
        assert snapshot is not None
        return snapshot

    def job(self, job_id: str) -> Job:
        return self.snapshot(job_id).job

    def events(self, job_id: str) -> list[EventType]:
        return [event.type for event in self.ledger.events(job_id, limit=10_000)]

    def external_id(self, job_id: str, number: int = 1) -> str:
        return attempt_id(job_id, number)

    def visited(self, job_id: str, run: int = 1) -> list[str]:
        return self.walks[f"{job_id}-{run}"].visited

    # ------------------------------------------------------------ time

    def run(
        self, *, until_s: float = 86_400, stop_when: Callable[[], bool] = lambda: False
    ) -> None:
        """Let everything happen until nothing is left to do, or the time is up."""
        end = self.clock.now() + dt.timedelta(seconds=until_s)
        next_sweep = self.clock.now() + dt.timedelta(seconds=SWEEP_EVERY_S)
        steps = 0
        while not stop_when():
            steps += 1
            assert steps < MOST_STEPS, "It goes on for ever."
            if self._run_ready():
                continue
            moments = [w.resume_at for w in self.walks.values() if w.resume_at and not w.ended]
            if (due := self.clock.next_due()) is not None:
                moments.append(due)
            if self.sweeping and (due := self._first_due()) is not None:
                moments.append(max(next_sweep, due))
            if not moments or (moment := min(moments)) > end:
                self.clock.advance_to(end if moments else self.clock.now())
                return
            self.clock.advance_to(moment)
            if self.sweeping and self.clock.now() >= next_sweep:
                next_sweep = self.clock.now() + dt.timedelta(seconds=SWEEP_EVERY_S)
                self._once("Sweep", self._sweep)

    def _sweep(self) -> None:
        sweep(self.sweep_ports)

    def _run_ready(self) -> bool:
        now = self.clock.now()
        ready = [
            walk
            for walk in self.walks.values()
            if not walk.ended and (walk.resume_at is None or walk.resume_at <= now)
        ]
        for walk in ready:
            if walk.ended or (walk.resume_at is not None and walk.resume_at > self.clock.now()):
                continue  # another one's step has changed it
            walk.step()
            if walk.status in {"FAILED", "ABORTED"}:
                self._tell_end_of(walk)
        return bool(ready)

    def _tell_end_of(self, walk: Walk) -> None:
        event = {"detail": {"name": walk.name}}
        ended = partial(execution_ended.handler, event, Context(), self.sweep_ports)
        self._once("ExecutionEnded", ended)

    def _once(self, step: str, do: Callable[[], Any]) -> bool:
        with self.faults.during(step):
            try:
                do()
            except (Killed, Exception) as exc:
                assert self.faults.struck, exc  # only what a test injected may go wrong
                return False
        return True

    def _insist(self, step: str, do: Callable[[], Any]) -> None:
        assert any(self._once(step, do) for _ in range(3)), "a client does not try for ever"

    def _first_due(self) -> dt.datetime | None:
        far = dt.datetime.max.replace(tzinfo=dt.UTC)
        return next((job.due_at for job in self.ledger.due(far, limit=1)), None)


class TooManyRequests(Exception):
    """Lambda has no room."""


def creation_of(now: dt.datetime, request: Mapping[str, Any]) -> Creation:
    """Return a new job as the API makes it of a request's body."""
    made = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a cat"}
    asked = JobRequest.model_validate(request if "kind" in request else {**made, **request})
    job = Job(
        job_id=new_id("job", now),
        tenant="acme",
        stage_at=now,
        request=asked,
        routes=asked.models,
        estimate_usd=Decimal("0.42"),
        created_at=now,
        updated_at=now,
        deadline_at=now + dt.timedelta(seconds=asked.deadline_s),
        due_at=now + dt.timedelta(seconds=60),
        event_seq=1,
    )
    first = Event(
        event_id=event_id(job.job_id, 1),
        job_id=job.job_id,
        tenant=job.tenant,
        seq=1,
        type=EventType.JOB_QUEUED,
        at=now,
    )
    return Creation(job, first, job.job_id, "sha", "{}")


def two_vendors(
    faults: Faults | None = None, *, make: Callable[..., Vendor] = Vendor, **stage: Any
) -> Stage:
    """Return a stage with one vendor of each kind, as the catalogue describes them."""
    clock = ManualClock()
    kling = make("kling", clock=clock)
    google = make("google", clock=clock, lookup_kind="when_done", refuses_duplicates=False)
    built = Stage({"kling": kling, "google": google}, clock, faults=faults or Faults(), **stage)
    built.calls_back_when_done(kling)
    return built


def seconds(at: dt.datetime | None, since: dt.datetime) -> float:
    """Return how long after `since` something happened."""
    assert at is not None
    return (at - since).total_seconds()
