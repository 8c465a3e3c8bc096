"""A whole stage in memory: the real definition and services over fakes, on one virtual clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from dailies.domain.assets import MediaFacts
from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import load_catalogue
from dailies.domain.changes import Creation
from dailies.domain.events import Event, EventType
from dailies.domain.ids import attempt_id, event_id, new_id
from dailies.domain.jobs import Job, JobRequest
from dailies.domain.ports import ExecutionStatus, GenerationRequest, Inspection, Snapshot
from dailies.handlers import execution_ended, fail, notify, plan, poll, probe, resolve, settle, store, submit
from dailies.services.cancel_job import cancel_job
from dailies.services.open_run import open_run
from dailies.services.poll import PollPorts
from dailies.services.probe import ProbePorts
from dailies.services.recording import LedgerPorts
from dailies.services.resolve import ResolvePorts
from dailies.services.store import StorePorts
from dailies.services.submit import SubmitPorts
from dailies.services.sweep import SweepPorts, sweep
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import ManualClock
from tests.fakes.vendor import FixedStats, Killed, Task, Vendor, VendorBook
from tests.storage.doubles import MemoryMedia, ScriptedFetcher, Serve, an_mp4
from tests.workflow.walk import Walk, definition

SWEEP_EVERY_S = 60


class Context:
    """Lambda's context object, with time enough."""

    def get_remaining_time_in_millis(self) -> int:
        return 90_000


class FixedInspector:
    """Sees the same in every file."""

    def inspect(self, key: str, size_bytes: int, *, sha256: str | None = None) -> Inspection:
        return Inspection(MediaFacts(container="mp4", duration_s=5.0), None, sha256 or "0" * 64)


@dataclass
class Stage:
    """Everything that a deployed stage has, small."""

    vendors: Mapping[str, Vendor]
    clock: ManualClock
    reachable: bool = True
    sweeping: bool = True
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    walks: dict[str, Walk] = field(default_factory=dict)
    media: MemoryMedia = field(default_factory=MemoryMedia)
    stats: FixedStats = field(default_factory=FixedStats)
    start_refused: int = 0
    """How many of the next starts the engine's quota refuses."""
    history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.catalogue = load_catalogue()
        self.fetcher = ScriptedFetcher([Serve(an_mp4(100_000))])
        self.handlers = self._handlers()

    # ------------------------------------------------------------ the functions

    def _handlers(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        book = VendorBook(dict(self.vendors))
        core = LedgerPorts(self.ledger, self.clock, self.catalogue)
        functions: dict[str, tuple[Any, Any]] = {
            "Plan": (plan, core),
            "Settle": (settle, core),
            "Notify": (notify, core),
            "Fail": (fail, core),
            "Submit": (
                submit,
                SubmitPorts(
                    ledger=self.ledger,
                    providers=book,
                    catalogue=self.catalogue,
                    clock=self.clock,
                    stats=self.stats,
                    request_for=_request,
                    callback_url=self._callback_url,
                ),
            ),
            "Resolve": (
                resolve,
                ResolvePorts(
                    ledger=self.ledger,
                    providers=book,
                    catalogue=self.catalogue,
                    clock=self.clock,
                    callback_url=self._callback_url,
                ),
            ),
            "Poll": (
                poll,
                PollPorts(
                    ledger=self.ledger,
                    providers=book,
                    catalogue=self.catalogue,
                    clock=self.clock,
                    stats=self.stats,
                    reachable=self.reachable,
                ),
            ),
            "Store": (
                store,
                StorePorts(
                    ledger=self.ledger,
                    clock=self.clock,
                    catalogue=self.catalogue,
                    providers=book,
                    fetcher=self.fetcher,
                    media=self.media,
                ),
            ),
            "Probe": (
                probe,
                ProbePorts(
                    ledger=self.ledger,
                    clock=self.clock,
                    catalogue=self.catalogue,
                    media=self.media,
                    inspector=FixedInspector(),
                ),
            ),
        }
        return {
            name: partial(_invoke, module.handler, ports)
            for name, (module, ports) in functions.items()
        }

    def _callback_url(self, attempt: Attempt) -> str | None:
        if not self.reachable or attempt.vendor == "google":
            return None
        return f"https://api.example/{attempt.attempt_id}"

    @property
    def sweep_ports(self) -> SweepPorts:
        return SweepPorts(self.ledger, self.clock, self.catalogue, self)

    # ------------------------------------------------------------ the Workflow port

    def start(self, job_id: str, run: int) -> bool:
        name = f"{job_id}-{run}"
        if self.start_refused:
            self.start_refused -= 1
            return False
        if name not in self.walks:
            event = {"v": 1, "job_id": job_id, "run": run}
            machine = definition("generate")
            self.walks[name] = Walk(name, machine, event, self.handlers, self.clock, self.ledger)
        return True

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        walk = self.walks.get(f"{job_id}-{run}")
        if walk is None:
            return ExecutionStatus.ABSENT
        return ExecutionStatus.ENDED if walk.ended else ExecutionStatus.RUNNING

    def stop(self, job_id: str, run: int, cause: str) -> None:
        self.walks[f"{job_id}-{run}"].stop()

    def wake(self, token: str) -> None:
        for walk in self.walks.values():
            if walk.token == token:
                walk.wake()

    # ------------------------------------------------------------ what users and vendors do

    def create(self, **request: Any) -> str:
        """Create a job and start its first run, as the API does; return its id."""
        now = self.clock.now()
        body = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a cat", **request}
        asked = JobRequest.model_validate(body)
        job = Job(
            job_id=new_id("job", now),
            tenant="acme",
            stage_at=now,
            request=asked,
            routes=[asked.model, *asked.fallbacks],
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
        self.ledger.create(Creation(job, first, job.job_id, "sha", "{}"))
        self.start(job.job_id, 1)
        return job.job_id

    def cancel(self, job_id: str) -> None:
        cancel_job(self.snapshot(job_id), ledger=self.ledger, workflow=self, clock=self.clock)

    def redrive(self, job_id: str) -> None:
        open_run(
            self.snapshot(job_id), ledger=self.ledger, workflow=self, clock=self.clock, automatic=False
        )

    def call_back(self, job_id: str, number: int = 1) -> None:
        """Do what the callback handler does with a verified hint."""
        job = self.ledger.signal(job_id, number)
        if job is not None and job.token is not None:
            self.wake(job.token)

    def calls_back_when_done(self, vendor: Vendor, job_id: str, number: int = 1) -> None:
        """Let the vendor call back at the end of its next task."""

        def created(task: Task) -> None:
            self.clock.after(vendor.duration_s, lambda: self.call_back(job_id, number))

        vendor.on_created = created

    def snapshot(self, job_id: str) -> Snapshot:
        snapshot = self.ledger.snapshot(job_id)
        assert snapshot is not None
        return snapshot

    def external_id(self, job_id: str, number: int = 1) -> str:
        return attempt_id(job_id, number)

    # ------------------------------------------------------------ time

    def run(self, *, until_s: float = 86_400, stop_when: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen until nothing is left to do, `stop_when` says so, or the time is up."""
        end = self.clock.now() + dt.timedelta(seconds=until_s)
        next_sweep = self.clock.now() + dt.timedelta(seconds=SWEEP_EVERY_S)
        while not stop_when():
            if self._run_ready():
                continue
            moments = [w.resume_at for w in self.walks.values() if w.resume_at and not w.ended]
            if (due := self.clock.next_due()) is not None:
                moments.append(due)
            if self.sweeping and self._anything_due():
                moments.append(max(next_sweep, self.clock.now()))
            if not moments or (moment := min(moments)) > end:
                return
            self.clock.advance_to(moment)
            if self.sweeping and self.clock.now() >= next_sweep:
                next_sweep = self.clock.now() + dt.timedelta(seconds=SWEEP_EVERY_S)
                self._unkillable(lambda: sweep(self.sweep_ports))

    def _run_ready(self) -> bool:
        now = self.clock.now()
        ready = [
            w for w in self.walks.values() if not w.ended and (w.resume_at is None or w.resume_at <= now)
        ]
        for walk in ready:
            if walk.ended or (walk.resume_at is not None and walk.resume_at > self.clock.now()):
                continue
            walk.step()
            if walk.status in {"FAILED", "ABORTED"}:
                event = {"detail": {"name": walk.name}}
                self._unkillable(partial(execution_ended.handler, event, Context(), self.sweep_ports))
        return bool(ready)

    def _unkillable(self, do: Callable[[], Any]) -> None:
        # The sweeper may be killed too: it comes again in a minute.
        try:
            do()
        except (Killed, Exception) as exc:
            self.history.append(f"sweeper: {type(exc).__name__}")

    def _anything_due(self) -> bool:
        return next(self.ledger.due(dt.datetime.max.replace(tzinfo=dt.UTC), limit=1), None) is not None


def _invoke(handler: Callable[..., Any], ports: Any, event: Mapping[str, Any]) -> Any:
    return handler(event, Context(), ports)


def _request(job: Job, attempt: Attempt) -> GenerationRequest:
    return GenerationRequest(
        kind=job.request.kind,
        model=attempt.model,
        prompt=job.request.prompt,
        duration_s=5,
        resolution="720p",
        audio=False,
    )
