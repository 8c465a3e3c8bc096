"""Read report: what a task's own report says, which is the truth whatever its machine says."""

from __future__ import annotations

from dailies.domain.enhancement import REPORT, ComputeTask
from dailies.domain.errors import AssetError
from dailies.domain.task_report import parse_report
from dailies.domain.worker_tasks import ReportAnswer, TaskObjects

UNKNOWN = "unknown"


def read_report(task: ComputeTask, objects: TaskObjects) -> ReportAnswer:
    """Return the outcome that the report tells; `unknown` where there is none that is final.

    Raises:
        StorageError: try again.
    """
    try:
        found = objects.read_json(f"{task.prefix}{REPORT}")
    except AssetError:
        found = None
    report = parse_report(found, task.task_id)
    return ReportAnswer(task_id=task.task_id, outcome=report.outcome if report else UNKNOWN)
