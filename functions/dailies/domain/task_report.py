"""A task's report, read as loosely as what it is needed for allows: its writer is not trusted."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from dailies.domain.enhancement import TaskFailure

MADE: Final = frozenset({"ok", "partial_input"})
"""Outcomes that say that there is a video."""
_FAILED: Final = {
    "bad_input": "The video cannot be enhanced.",
    "no_device": "There is no GPU, and the job demands one.",
    "out_of_memory": "The machine's memory does not suffice, even for the smallest tile.",
    "internal": "A defect of the program.",
}
"""Outcomes that say that there will be none: another try cannot help. Any other is not final."""
_OF_THE_MOMENT: Final = frozenset({"storage_failed"})
"""Codes that tell of a machine and a moment, not of the task: the next try may do better."""
_MAX_MESSAGE: Final = 500
_MAX_NOTES: Final = 20


_Word = Annotated[str, StringConstraints(max_length=64)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class TaskOutput(_Part):
    """The published file, by its writer's account."""

    size_bytes: int
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    container: _Word = ""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    frames: int | None = None
    duration_s: float | None = None
    video_codec: _Word | None = None
    pixel_format: _Word | None = None
    audio_codec: _Word | None = None


class TaskDevice(_Part):
    """What computed."""

    kind: Literal["cpu", "cuda"] | None = None


class TaskTiming(_Part):
    """How long it ran, in seconds."""

    wall_s: float = Field(default=0.0, ge=0, le=10_000_000)
    """Of the process that wrote the report."""
    machines_s: float | None = Field(default=None, ge=0, le=10_000_000)
    """Of all machines that shared the work; images before it do not say."""

    @property
    def paid_s(self) -> float:
        """What is paid for."""
        return self.wall_s if self.machines_s is None else self.machines_s


class TaskReport(_Part):
    """What is read of `report.json`."""

    task_id: str
    outcome: str
    code: str = ""
    message: str = ""
    output: TaskOutput | None = None
    device: TaskDevice = TaskDevice()
    timing: TaskTiming = TaskTiming()
    warnings: list[str] = Field(default_factory=list)
    analysis: dict[str, Any] | None = None

    @field_validator("device", mode="before")
    @classmethod
    def _absent(cls, value: Any) -> Any:
        return value or {}

    @property
    def told(self) -> str:
        """Its message, for the caller."""
        return _plain(self.message) or _FAILED.get(self.outcome, "")

    @property
    def notes(self) -> list[str]:
        """Its warnings, for the caller."""
        return [text for note in self.warnings[:_MAX_NOTES] if (text := _plain(note))]

    def failure(self) -> TaskFailure:
        """Return why there is no video: `enhance_<outcome>`."""
        return TaskFailure(code=f"enhance_{self.outcome}", message=self.told)


def parse_report(found: object | None, task_id: str) -> TaskReport | None:
    """Return a report that is this task's own and its last word, else None."""
    try:
        report = TaskReport.model_validate(found)
    except ValidationError:
        return None
    failed = report.outcome in _FAILED and report.code not in _OF_THE_MOMENT
    final = failed or report.outcome in MADE
    return report if final and report.task_id == task_id else None


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).strip()[:_MAX_MESSAGE]
