"""A job: what the caller asked for, and gets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from dailies.domain.catalogue import Input, Mode
from dailies.domain.enhance_options import EnhanceOptions
from dailies.domain.enhancement import ComputeTask, Enhancement


class JobState(StrEnum):
    """Where a job is. `canceling` goes on until the vendor's end or the deadline."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


TERMINAL_STATES = frozenset(
    {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED}
)
LIVE_STATES = frozenset(JobState) - TERMINAL_STATES


class Stage(StrEnum):
    """What a job is doing."""

    VALIDATING = "validating"
    SUBMITTING = "submitting"
    GENERATING = "generating"
    STORING = "storing"
    CHECKING = "checking"
    ENHANCING = "enhancing"
    ASSEMBLING = "assembling"
    NOTIFYING = "notifying"


class Charged(StrEnum):
    """Whether money was spent. `unknown` is an honest answer."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Progress(_Frozen):
    """How far it is, and how we know."""

    fraction: float | None = Field(default=None, ge=0, le=1)
    basis: Literal["measured", "steps", "none"] = "none"


class AssetRef(_Frozen):
    """Names an asset of the same tenant."""

    asset_id: Annotated[str, StringConstraints(pattern=r"^ast_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]


EmailAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^@\s<>\"(),;:\\]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$", max_length=254
    ),
]
"""An address SES can send to; SES itself has the last word."""
ModelRef = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9-]+/[A-Za-z0-9._:-]+$", max_length=128)
]
"""`<vendor>/<model>`, as `GET /v1/models` lists it."""


class WebhookSink(_Frozen):
    """Where to POST the job's events: HTTPS on port 443 of a public host."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2048)]


OptionalEvent = Literal["job.started", "job.progress"]
"""An event that is told only where it was asked for."""


class NotifySpec(_Frozen):
    """Whom to tell. Terminal events always; the others as asked."""

    webhook: WebhookSink | None = None
    email: list[EmailAddress] = Field(default_factory=list, max_length=5)
    sns: bool = False
    events: list[OptionalEvent] = Field(default_factory=list[OptionalEvent], max_length=2)
    """Non-terminal events to tell as well."""


class JobRequest(_Frozen):
    """The body of `POST /v1/jobs`, and what is kept of it.

    Defaults stand for the catalogue's own.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"kind": {"const": Mode.ENHANCE}}},
            "then": {"required": ["video"], "properties": {"model": {"type": "null"}}},
            "else": {"required": ["model"], "properties": {"model": {"type": "string"}}},
        }
    )

    kind: Mode
    model: ModelRef | None = Field(default=None, validate_default=True)
    """Whom to ask; a job of kind `enhance` asks nobody."""
    fallbacks: list[ModelRef] = Field(default_factory=list, max_length=4)
    """Models to ask, in this order, after a proven failure of the one before."""
    prompt: Annotated[str, StringConstraints(max_length=8192)] = ""
    negative_prompt: Annotated[str, StringConstraints(max_length=4096)] | None = None
    image: AssetRef | None = None
    last_frame: AssetRef | None = None
    video: AssetRef | None = None
    """The video to go on from, or to enhance: an upload, or what another job made."""
    references: list[AssetRef] = Field(default_factory=list[AssetRef], max_length=3)
    """Images of what shall appear."""
    duration_s: int | None = Field(default=None, ge=1, le=600)
    """Of the output; where a video is extended, of what is added."""
    resolution: Annotated[str, StringConstraints(max_length=16)] | None = None
    aspect_ratio: Annotated[str, StringConstraints(max_length=16)] | None = None
    audio: bool | None = None
    seed: int | None = Field(default=None, ge=0, le=4294967295)
    enhance: EnhanceOptions | None = None
    """What is done to the video once it is made. A job of kind `enhance` that leaves it out doubles
    the picture's size."""
    lenient: bool = False
    """Drop options a model does not know, and list them in the attempt's `degraded`."""
    deadline_s: int = Field(default=7200, ge=60, le=86400)
    """After this long without a result the job ends `expired`."""
    notify: NotifySpec = NotifySpec()
    metadata: dict[
        Annotated[str, StringConstraints(max_length=64)],
        Annotated[str, StringConstraints(max_length=512)],
    ] = Field(default_factory=dict, max_length=16)
    """Yours; returned with the job and in its events."""

    @field_validator("model")
    @classmethod
    def _fits_kind(cls, model: str | None, info: ValidationInfo) -> str | None:
        enhances = info.data.get("kind") is Mode.ENHANCE
        if model is None and not enhances and "kind" in info.data:
            raise PydanticCustomError("missing", "Field required")
        if model is not None and enhances:
            raise PydanticCustomError("no_model", "A job of kind enhance asks no model.")
        return model

    @property
    def models(self) -> list[str]:
        """The models to ask, in order."""
        return [self.model, *self.fallbacks] if self.model else []

    @property
    def enhancement(self) -> EnhanceOptions | None:
        """What is done to the video; None where it stays as it is."""
        if self.enhance is None and self.kind is Mode.ENHANCE:
            return EnhanceOptions()
        return self.enhance

    @property
    def delivers_unenhanced(self) -> bool:
        """Whether the job has a result even if its enhancement fails."""
        options = self.enhancement
        asked = options.on_failure if options else None
        return self.kind is not Mode.ENHANCE and asked != "fail"

    def inputs(self) -> dict[Input, tuple[AssetRef, ...]]:
        """Return the assets that it refers to, by field; fields that it leaves out are absent."""
        given: dict[Input, AssetRef | list[AssetRef] | None] = {
            name: getattr(self, name) for name in Input
        }
        return {
            name: (value,) if isinstance(value, AssetRef) else tuple(value)
            for name, value in given.items()
            if value
        }

    def input_pointers(self) -> Iterator[tuple[str, AssetRef]]:
        """Yield each asset that it refers to, with the JSON pointer (RFC 6901) to where it does."""
        for name, refs in self.inputs().items():
            many = isinstance(getattr(self, name), list)
            for i, ref in enumerate(refs):
                yield f"/{name}/{i}" if many else f"/{name}", ref


class JobError(_Frozen):
    """Why a job did not succeed."""

    code: str
    message: str
    hint: str = ""
    reasons: list[str] = Field(default_factory=list)


class JobWarning(_Frozen):
    """What is not as it was wished, though the job has its result."""

    code: str
    message: str


class Job(BaseModel):
    """One row of the ledger."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    tenant: str
    state: JobState = JobState.QUEUED
    stage: Stage = Stage.VALIDATING
    stage_at: dt.datetime
    """When it entered the stage."""
    progress: Progress = Progress()
    request: JobRequest
    routes: list[str]
    """`<vendor>/<model>`, in the order in which they are asked; empty where none is."""
    estimate_usd: Decimal
    """What the first route's price list asks; an enhancement comes on top."""
    attempt: int = 0
    """Number of the newest attempt; 0 before the first."""
    route: int = 0
    """Index of the newest attempt's route: a status read needs the job's row alone."""
    run: int = 1
    """Which execution owns the job; every write of a run is conditional on it."""
    auto_runs: int = 0
    """How many runs were opened without anybody asking."""
    signal_seq: int = 0
    """Counts verified callbacks and cancels: lets a wait see that it would miss one."""
    event_seq: int = 0
    """Number of the newest event."""
    created_at: dt.datetime
    updated_at: dt.datetime
    deadline_at: dt.datetime
    due_at: dt.datetime | None = None
    """When the sweeper should look; None when there is nothing left to look for."""
    finished_at: dt.datetime | None = None
    cancel_requested_at: dt.datetime | None = None
    parked: bool = False
    """An operator has to look: automatic runs are used up."""
    token: str | None = None
    """Task token of the wait under way: a bearer credential, never leaves the table."""
    charged: Charged = Charged.NO
    cost_usd: Decimal = Decimal(0)
    assets: list[str] = Field(default_factory=list)
    error: JobError | None = None
    warnings: list[JobWarning] = Field(default_factory=list[JobWarning])
    checked_at: dt.datetime | None = None
    """When its video was looked through; None before, or where it never was."""
    enhancement: Enhancement | None = None
    """What became of `request.enhance`; None before its first try."""
    trace_id: str = ""

    @property
    def model_in_use(self) -> str | None:
        """`<vendor>/<model>` of the newest attempt, or of the first; None where none is asked."""
        return self.routes[self.route] if self.routes else None

    @property
    def running_task(self) -> ComputeTask | None:
        """The task of enhancement that may go on; None where there is none, or nobody wants it."""
        wanted = self.state is JobState.RUNNING and self.enhancement is not None
        running = self.enhancement.running_task if wanted and self.enhancement else None
        return running.task if running else None

    @property
    def terminal(self) -> bool:
        """Whether the caller has the job's final answer."""
        return self.state in TERMINAL_STATES
