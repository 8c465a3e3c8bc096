"""Gives the real handlers the ports that a test chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dailies.bootstrap import CallbackPorts
from dailies.domain.assets import MediaFacts, Quality
from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import CallbackKind, Catalogue, load_catalogue
from dailies.domain.compute_prices import load_compute_prices
from dailies.domain.jobs import Job
from dailies.domain.ports import (
    Analyzed,
    Clock,
    Compute,
    Fetcher,
    GenerationRequest,
    Inspection,
    LatencyStats,
    Ledger,
    Workflow,
)
from dailies.domain.signing import callback_secret, callback_url
from dailies.handlers import (
    check,
    enhance,
    fail,
    notify,
    plan,
    poll,
    probe,
    resolve,
    settle,
    store,
    submit,
    take_enhanced,
)
from dailies.services.check import CheckPorts
from dailies.services.enhance import EnhancePorts
from dailies.services.poll import PollPorts
from dailies.services.probe import ProbePorts
from dailies.services.recording import LedgerPorts
from dailies.services.resolve import ResolvePorts
from dailies.services.store import StorePorts
from dailies.services.submit import SubmitPorts
from dailies.services.take_enhanced import TakeEnhancedPorts
from tests.fakes.api import RecordedCompute
from tests.fakes.compute import MemoryTaskObjects
from tests.fakes.notification import MemorySecrets
from tests.fakes.vendor import FixedStats, VendorBook
from tests.storage.doubles import MemoryMedia, ScriptedFetcher, Serve, an_mp4

CALLBACK_KEY = "the stage's callback key"
Invoke = Callable[[Mapping[str, Any]], Any]


class Context:
    """Lambda's context object, with time enough."""

    def get_remaining_time_in_millis(self) -> int:
        return 90_000


class FixedInspector:
    """Sees the same in every file."""

    def inspect(self, key: str, size_bytes: int, *, sha256: str | None = None) -> Inspection:
        return Inspection(MediaFacts(container="mp4", duration_s=5.0), None, sha256 or "0" * 64)


class FixedAnalyzer:
    """Sees the same in every video."""

    def __init__(self) -> None:
        self.seen = Quality(sharpness=20.0, blockiness=1.0)
        self.error: Exception | None = None
        self.analyzed: list[str] = []

    def analyze(self, key: str, size_bytes: int, *, expected_s: float | None = None) -> Analyzed:
        self.analyzed.append(key)
        if self.error is not None:
            raise self.error
        return Analyzed(self.seen, MediaFacts(container="mp4", duration_s=5.0))


def one_clip() -> ScriptedFetcher:
    """Return a source that serves the same small clip again and again."""
    return ScriptedFetcher([Serve(an_mp4(10_000))])


@dataclass
class Wiring:
    """What the functions of a stage share."""

    ledger: Ledger
    clock: Clock
    providers: VendorBook
    reachable: bool = True
    media: MemoryMedia = field(default_factory=MemoryMedia)
    fetcher: Fetcher = field(default_factory=one_clip)
    stats: LatencyStats = field(default_factory=FixedStats)
    catalogue: Catalogue = field(default_factory=load_catalogue)
    analyzer: FixedAnalyzer = field(default_factory=FixedAnalyzer)
    compute: Compute = field(default_factory=RecordedCompute)

    def callback_url(self, attempt: Attempt) -> str | None:
        vendor = self.catalogue.vendor(attempt.vendor)
        if not self.reachable or vendor.callbacks is CallbackKind.NONE:
            return None
        secret = callback_secret(CALLBACK_KEY, attempt.attempt_id)
        return callback_url("https://api.example", attempt.vendor, attempt.attempt_id, secret)

    def callback_ports(self, workflow: Workflow) -> CallbackPorts:
        secrets = MemorySecrets({"signing": {"callback_key": CALLBACK_KEY}})
        return CallbackPorts(self.ledger, workflow, self.providers, self.catalogue, secrets)

    def functions(self) -> dict[str, Invoke]:
        """Return every step's function by its state's name."""
        core = LedgerPorts(self.ledger, self.clock, self.catalogue)
        bound: dict[str, tuple[Any, Any]] = {
            "Plan": (plan, core),
            "Submit": (submit, self.submit_ports()),
            "Resolve": (resolve, self.resolve_ports()),
            "Poll": (poll, self.poll_ports()),
            "Store": (store, self.store_ports()),
            "Probe": (probe, self.probe_ports()),
            "Check": (check, self.check_ports()),
            "Enhance": (enhance, self.enhance_ports()),
            "TakeEnhanced": (take_enhanced, self.take_enhanced_ports()),
            "Settle": (settle, core),
            "Notify": (notify, core),
            "Fail": (fail, core),
        }
        return {
            name: partial(_invoke, module.handler, ports) for name, (module, ports) in bound.items()
        }

    def submit_ports(self) -> SubmitPorts:
        return SubmitPorts(
            ledger=self.ledger,
            providers=self.providers,
            catalogue=self.catalogue,
            clock=self.clock,
            stats=self.stats,
            request_for=a_request,
            callback_url=self.callback_url,
        )

    def resolve_ports(self) -> ResolvePorts:
        return ResolvePorts(
            ledger=self.ledger,
            providers=self.providers,
            catalogue=self.catalogue,
            clock=self.clock,
            callback_url=self.callback_url,
        )

    def poll_ports(self) -> PollPorts:
        return PollPorts(
            ledger=self.ledger,
            providers=self.providers,
            catalogue=self.catalogue,
            clock=self.clock,
            stats=self.stats,
            reachable=self.reachable,
        )

    def store_ports(self) -> StorePorts:
        return StorePorts(
            ledger=self.ledger,
            clock=self.clock,
            catalogue=self.catalogue,
            providers=self.providers,
            fetcher=self.fetcher,
            media=self.media,
        )

    def probe_ports(self) -> ProbePorts:
        return ProbePorts(
            ledger=self.ledger,
            clock=self.clock,
            catalogue=self.catalogue,
            media=self.media,
            inspector=FixedInspector(),
        )

    def check_ports(self) -> CheckPorts:
        return CheckPorts(
            ledger=self.ledger,
            clock=self.clock,
            catalogue=self.catalogue,
            media=self.media,
            analyzer=self.analyzer,
            prices=load_compute_prices(),
        )

    def enhance_ports(self) -> EnhancePorts:
        return EnhancePorts(
            ledger=self.ledger,
            clock=self.clock,
            catalogue=self.catalogue,
            media=self.media,
            bucket="media",
            prices=load_compute_prices(),
        )

    def take_enhanced_ports(self) -> TakeEnhancedPorts:
        return TakeEnhancedPorts(
            ledger=self.ledger,
            clock=self.clock,
            catalogue=self.catalogue,
            media=self.media,
            objects=MemoryTaskObjects(self.media),
            compute=self.compute,
            kind="batch",
            prices=load_compute_prices(),
        )


def _invoke(handler: Callable[..., Any], ports: Any, event: Mapping[str, Any]) -> Any:
    return handler(event, Context(), ports)


def callback_event(external_id: str, body: str, secret: str = "") -> dict[str, Any]:
    """Return what API Gateway makes of a callback of Kling's, with the right secret by default."""
    return {
        "pathParameters": {
            "vendor": "kling",
            "attempt": external_id,
            "secret": secret or callback_secret(CALLBACK_KEY, external_id),
        },
        "body": body,
    }


def a_request(job: Job, attempt: Attempt) -> GenerationRequest:
    return GenerationRequest(
        kind=job.request.kind,
        model=attempt.model,
        prompt=job.request.prompt,
        duration_s=5,
        resolution="720p",
        audio=False,
    )
