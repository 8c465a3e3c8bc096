"""A job whose video is stored, and the steps that check and enhance it, called by hand."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from dailies.domain.assets import Asset, AssetKind, MediaFacts
from dailies.domain.attempts import AttemptState
from dailies.domain.enhancement import Enhancement, EnhanceTask
from dailies.domain.jobs import Job, JobRequest
from dailies.domain.steps import EnhanceResult, StepInput, StepResult
from dailies.services.cancel_job import cancel_job
from dailies.services.check import CheckPorts, check
from dailies.services.enhance import EnhancePorts, enhance
from dailies.services.record_progress import ProgressPorts
from dailies.services.recording import load
from dailies.services.take_enhanced import TakeEnhancedPorts, take_enhanced
from tests.fakes.api import RecordedCompute, RecordedWorkflow
from tests.fakes.compute import Farm, MemoryTaskObjects
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH, ManualClock
from tests.fakes.vendor import VendorBook
from tests.storage.doubles import MemoryMedia, an_mp4
from tests.unit.services.ledger_states import JOB_ID, RUN, a_job, an_attempt, written
from tests.workflow.wiring import FixedAnalyzer, Wiring

VIDEO = "ast_01JCZ5V5ZK8W1R8Q4T9X3M7N2P"
STEP = StepInput(job_id=JOB_ID, run=RUN)
FACTS = MediaFacts(container="mp4", duration_s=5.0, width=1280, height=720, fps=24.0)


def generation(**fields: Any) -> Job:
    """Return a job whose vendor has delivered, and which asks for an enhancement."""
    body = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a heron"}
    body |= {"enhance": {}} | fields.pop("request", {})
    return a_job(request=JobRequest.model_validate(body), **fields)


def upload(**fields: Any) -> Job:
    """Return a job that enhances an upload."""
    body = {"kind": "enhance", "video": {"asset_id": VIDEO}} | fields.pop("request", {})
    return a_job(request=JobRequest.model_validate(body), routes=[], attempt=0, **fields)


def cancel(scene: Scene) -> None:
    """Cancel the job; the stop of its task is lost."""
    cancel_job(
        load(scene.ledger, JOB_ID),
        ledger=scene.ledger,
        workflow=RecordedWorkflow(),
        compute=RecordedCompute(),
        clock=scene.clock,
    )


@dataclass
class Scene:
    """One job, and everything around it; `start` plays the part of Step Functions."""

    job: Job = field(default_factory=generation)
    asset: dict[str, Any] = field(default_factory=dict)
    there: bool = True

    def __post_init__(self) -> None:
        made = bool(self.job.routes)
        attempt = an_attempt(state=AttemptState.STORED, asset_id=VIDEO, duration_s=5)
        self.ledger: InMemoryLedger = InMemoryLedger()
        self.key = f"outputs/acme/{JOB_ID}/{VIDEO}.mp4" if made else f"uploads/acme/{VIDEO}"
        facts: dict[str, Any] = {
            "asset_id": VIDEO,
            "tenant": "acme",
            "kind": AssetKind.OUTPUT if made else AssetKind.UPLOAD,
            "key": self.key,
            "content_type": "video/mp4",
            "size_bytes": 9000,
            "media": FACTS,
            "poster_key": "posters/p.jpg",
            "created_at": EPOCH,
        }
        self.ledger.put_asset(Asset(**(facts | self.asset)))
        written(self.job, attempt if made else None, self.ledger)
        self.media, self.clock = MemoryMedia(), ManualClock()
        if self.there:
            self.media.put(self.key, an_mp4(9000), "video/mp4")
        self.farm = Farm(self.clock, self.media)
        self.analyzer = FixedAnalyzer()
        self.wiring = Wiring(
            self.ledger,
            self.clock,
            VendorBook({}),
            media=self.media,
            analyzer=self.analyzer,
            compute=self.farm,
        )

    # ------------------------------------------------------------ steps

    def check(self) -> StepResult:
        ports: CheckPorts = self.wiring.check_ports()
        return check(STEP, ports)

    def enhance(self, **prices: Any) -> EnhanceResult:
        ports: EnhancePorts = self.wiring.enhance_ports()
        if prices:
            changed = ports.prices.model_copy(update=prices)
            ports = EnhancePorts(**{**vars(ports), "prices": changed})
        return enhance(STEP, ports)

    def take(self) -> StepResult:
        ports: TakeEnhancedPorts = self.wiring.take_enhanced_ports()
        return take_enhanced(STEP, ports)

    def compute(self, play: str = "ok") -> None:
        """Begin the task under way; it ends when its time has passed."""
        self.farm.plays = [play]
        task = self.now.running_task
        assert task is not None
        self.farm.begin(task.task_id, task.model_dump(mode="json"))

    def enhanced(self, play: str = "ok") -> StepResult:
        """Check, enhance, compute and take."""
        self.check()
        self.enhance()
        self.compute(play)
        self.clock.sleep(self.farm.duration_s)
        return self.take()

    # ------------------------------------------------------------ what came of it

    @property
    def now(self) -> Job:
        return load(self.ledger, JOB_ID).job

    @property
    def enhancement(self) -> Enhancement:
        known = self.now.enhancement
        assert known is not None
        return known

    @property
    def tried(self) -> EnhanceTask:
        current = self.enhancement.current
        assert current is not None
        return current

    @property
    def warned(self) -> list[str]:
        return [warning.code for warning in self.now.warnings]

    @property
    def progress_ports(self) -> ProgressPorts:
        return ProgressPorts(self.ledger, self.clock, MemoryTaskObjects(self.media))

    def report(self, **changes: Any) -> None:
        """Change what the last report says."""
        key = f"{self.tried.task.prefix}report.json"
        told = json.loads(self.media.objects[key][0]) | changes
        self.media.put(key, json.dumps(told).encode(), "application/json")

    def pass_deadline(self) -> None:
        self.clock.advance_to(self.job.deadline_at + dt.timedelta(seconds=1))
