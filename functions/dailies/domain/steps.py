"""What the states of `generate.asl.json` pass to each other: references and words, never data."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dailies.domain.enhancement import ComputeTask


class Outcome(StrEnum):
    """The word a step ends with: it names the state that comes next.

    `generate.asl.json` says which step may say which.
    """

    SUBMIT = "submit"
    RESOLVE = "resolve"
    AWAIT = "await"
    POLL = "poll"
    STORE = "store"
    PROBE = "probe"
    CHECK = "check"
    ENHANCE = "enhance"
    COMPUTE = "compute"
    """A task of enhancement is written down: the nested execution."""
    TAKE_ENHANCED = "take_enhanced"
    SETTLE = "settle"
    """From Probe: the file can be decoded. `Check` now lies on the way; the word stays, so that
    executions of definitions without it go on."""
    NOTIFY = "notify"
    PLAN = "plan"
    """The attempt has ended without a result: route anew."""
    END = "end"
    """The job cannot succeed: the failure path."""
    DONE = "done"
    """The job has ended already."""
    SUPERSEDED = "superseded"
    """Another run owns the job: this one ends and touches nothing."""


class StepInput(BaseModel):
    """What every step gets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    """Version of this shape: executions outlive deploys."""
    job_id: str
    run: int


class StepResult(BaseModel):
    """What every step returns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    job_id: str
    run: int
    outcome: Outcome
    attempt: int = 0
    wait_s: int = Field(default=0, ge=0, le=86400)
    """For `await`: after this long without a signal, go on to Poll."""
    seen: int = 0
    """For `await`: the `signal_seq` read before the vendor was asked."""


class EnhanceResult(StepResult):
    """What Enhance returns: for `compute`, what is computed, and for how long at most."""

    task: ComputeTask | None = None
    timeout_s: int = Field(default=1, ge=1, le=86400)


class FailureInput(StepInput):
    """What the failure path gets: also what Step Functions reported."""

    error: str = ""
    """The error name that a Catch saw; empty when a step chose the failure path itself."""
    step: str = ""


class FailureResult(BaseModel):
    """What the failure path returns: the error name and cause of the Fail state."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    job_id: str
    run: int
    error: Literal["JobFailed", "JobExpired", "JobCanceled", "RunFailed", "RunSuperseded"]
    cause: str
