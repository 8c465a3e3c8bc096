"""Read report: what a task's own report says, which is the truth whatever its machine says."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from dailies.domain.enhancement import REPORT, ComputeTask
from dailies.domain.errors import AssetError
from dailies.domain.worker_tasks import ReportAnswer, TaskObjects

UNKNOWN = "unknown"
_NOT_FINAL = frozenset({"interrupted"})
"""The next try would have gone on from there: it says nothing about the task."""


class _Report(BaseModel):
    model_config = ConfigDict(extra="ignore")

    task_id: str
    outcome: str


def read_report(task: ComputeTask, objects: TaskObjects) -> ReportAnswer:
    """Return the outcome that the report tells; `unknown` where there is none that is final.

    Raises:
        StorageError: try again.
    """
    try:
        found = objects.read_json(f"{task.prefix}{REPORT}")
        report = _Report.model_validate(found)
    except (AssetError, ValidationError):
        return ReportAnswer(task_id=task.task_id, outcome=UNKNOWN)
    known = report.task_id == task.task_id and report.outcome not in _NOT_FINAL
    outcome = report.outcome if known else UNKNOWN
    return ReportAnswer(task_id=task.task_id, outcome=outcome)
