"""The stages, and everything that differs between them, in one typed place."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from aws_cdk import RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

StageName = Literal["local", "dev", "staging", "prod"]


class AlarmLevel(StrEnum):
    """Whom an alarm is for. Each level has a topic of its own."""

    INFO = "info"
    """Read it in the morning."""
    WARNING = "warning"
    """Look at it today."""
    CRITICAL = "critical"
    """Wake somebody: callers or money are at stake now."""


SIMULATOR = "simulator"
"""The vendor that a stage simulates in its own account."""

PYTHON_VERSION = "3.13"
"""What the functions run on in the cloud. The laptop runs them on its own interpreter."""


class StageConfig(BaseModel):
    """Every choice that a stage makes. Constructs read it; nothing else differs by stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: StageName
    retain_data: bool = True
    """Whether table, bucket, secrets and queues outlive their stack."""

    on_host: bool = False
    """Functions run on this machine, in the interpreter that runs the emulator: host platform,
    the host's bytecode, no layers (the interpreter's own packages are visible), smaller stack."""

    tls_only: bool = True
    """The emulator speaks plain HTTP, which policies against plain HTTP would refuse."""

    machine_aliases: bool = True
    """Versions and aliases of state machines; the emulator has none."""

    point_in_time_recovery: bool = True
    log_retention_days: Literal[1, 7, 30, 180] = 30
    uploads_expire_days: int = Field(default=30, ge=1)
    """After this long an upload is deleted: a job has used it by then, or never will."""

    outputs_cool_days: int = Field(default=30, ge=1)
    """After this long results move to storage that is cheaper when nobody reads it."""

    sender: str = "dailies@example.com"
    """Address that result mails come from: an identity of its own in SES."""

    alarms_email: Mapping[AlarmLevel, str] = Field(default_factory=dict[AlarmLevel, str])
    """Who is told by mail, by level. A level that is left out: nobody is subscribed."""

    alarms_webhook_secret: str | None = None
    """Name, after the stage's prefix, of the secret that holds a chat's webhook. None: no chat."""

    alarms_on_durations: bool = False
    """An alarm on how long each function takes: two dozen alarms, each ten cents a month."""

    daily_budget_usd: int = Field(default=10, ge=1)
    """What vendors may cost a day before somebody is woken. It stops nothing."""

    inbox_daily_cap_usd: int = Field(default=10, ge=0)
    """What all files that one tenant drops may cost a day (UTC); the folders' own caps lower it."""

    providers: tuple[str, ...] = ("kling", "google", "gemini")
    """Vendors that get an (empty) secret to fill in, alarms, and a share of the budget: every one
    that the stage offers."""

    smoke_simulator: bool = False
    """Whether the stage has the simulated vendor, on which a deployment is tried. Where it has
    not, no tenant is offered it."""

    provider_endpoints: Mapping[str, str] = Field(default_factory=dict)
    """Other base URLs for vendors: the simulators of the local stage."""

    spend_caps: Mapping[str, str] = Field(default_factory=dict)
    """What may be ordered at a vendor in all, in US dollars, as text: `make serve LIVE=…` sets it.
    A vendor that is left out has no cap."""

    outbound_allow: tuple[str, ...] = ()
    """`host:port` that guarded requests may reach although not public: the simulators, again."""

    public_url: str | None = None
    """Where callers and vendors reach the API. None: the address that the API is given. Empty:
    nowhere, so that vendors are polled."""

    poll_reserved_concurrency: int | None = None
    """Slots kept for holding polls, so that they neither starve nor are starved. None: shared."""

    worker_lease_s: int = Field(default=60, ge=5)
    """For how long a worker that says nothing any more keeps its task of enhancement."""

    worker_pass_s: int = Field(default=30, ge=0)
    """For how long a worker without a GPU leaves a task that demands one to others."""

    enhance_compute: Literal["batch", "sagemaker", "workers"] = "batch"
    """What carries out enhancements: machines of AWS Batch, processing jobs of SageMaker, or
    whatever machines pull from the stage's queue."""

    gpu_machines: int = Field(default=4, ge=1)
    """How many machines with a GPU may work at once, Spot and On-Demand each. Of Batch."""

    cpu_machines: int = Field(default=4, ge=1)
    """How many without one may. Of Batch."""

    sweep_every_minutes: int = Field(default=1, ge=1)
    api_rate_per_s: int = 500
    api_burst: int = 1000

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What becomes of stateful resources when they leave the stack."""
        return RemovalPolicy.RETAIN if self.retain_data else RemovalPolicy.DESTROY

    @property
    def machine(self) -> Literal["aarch64", "x86_64"]:
        """What the functions' machine code is for, as wheels name it."""
        host_is_arm = platform.machine().lower() in {"arm64", "aarch64"}
        return "x86_64" if self.on_host and not host_is_arm else "aarch64"

    @property
    def architecture(self) -> lambda_.Architecture:
        """What the functions' machine code is for, as the CDK names it."""
        arm = self.machine == "aarch64"
        return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64

    @property
    def withheld_vendors(self) -> tuple[str, ...]:
        """Vendors of the catalogue that the stage does not offer."""
        return () if self.smoke_simulator else (SIMULATOR,)

    @property
    def metrics_namespace(self) -> str:
        """Where the stage's own metrics are."""
        return f"Dailies/{self.name}"

    @property
    def secrets_prefix(self) -> str:
        """First part of the name of each of the stage's secrets."""
        return f"dailies/{self.name}"


class LocalSettings(BaseModel):
    """What only a laptop decides, at each deployment: where its simulators and its API are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider_endpoints: dict[str, str] = Field(default_factory=dict)
    spend_caps: dict[str, str] = Field(default_factory=dict)
    outbound_allow: tuple[str, ...] = ()
    public_url: str | None = None


_STAGES: dict[StageName, StageConfig] = {
    "local": StageConfig(
        name="local",
        retain_data=False,
        on_host=True,
        tls_only=False,
        machine_aliases=False,
        point_in_time_recovery=True,
        log_retention_days=1,
        smoke_simulator=True,
        enhance_compute="workers",
        worker_lease_s=8,
        worker_pass_s=0,  # there is one worker: nobody to leave it to
    ),
    "dev": StageConfig(name="dev", retain_data=False, log_retention_days=7, smoke_simulator=True),
    "staging": StageConfig(name="staging", log_retention_days=30, smoke_simulator=True),
    "prod": StageConfig(
        name="prod",
        log_retention_days=180,
        alarms_email={
            AlarmLevel.WARNING: "dailies-alarms@example.com",
            AlarmLevel.CRITICAL: "dailies-on-call@example.com",
        },
        alarms_webhook_secret="alarms/chat",  # noqa: S106 - its name
        alarms_on_durations=True,
        daily_budget_usd=200,
        poll_reserved_concurrency=200,
        gpu_machines=8,
        cpu_machines=8,
    ),
}

STAGE_NAMES = tuple(_STAGES)


def stage_config(name: str, local: LocalSettings | None = None) -> StageConfig:
    """Return a stage by name; what a laptop decides is for the stage `local` alone.

    Raises:
        ValueError: There is no such stage, or local settings were given to another one.
    """
    stage = _STAGES[TypeAdapter[StageName](StageName).validate_python(name)]
    if local is None or local == LocalSettings():
        return stage
    if stage.name != "local":
        raise ValueError(f"the stage {stage.name} takes its settings from infra/stage.py alone")
    return stage.model_copy(update=local.model_dump())


def local_settings(context: Mapping[str, Any]) -> LocalSettings:
    """Read the local settings from CDK context values; structured ones are JSON text.

    Raises:
        ValueError: A value does not have the form that its field asks for.
    """
    values: dict[str, Any] = {}
    for name in LocalSettings.model_fields:
        value = context.get(name)
        if value is None:
            continue
        structured = isinstance(value, str) and value[:1] in {"{", "["}
        values[name] = json.loads(value) if structured else value
    return LocalSettings.model_validate(values)
