"""A task's report is the truth, where there is one."""

from __future__ import annotations

import pytest

from dailies.services.read_report import read_report
from tests.fakes.workers import PREFIX, TASK, MemoryObjects, compute_task


@pytest.mark.parametrize("outcome", ["ok", "partial_input", "bad_input", "no_device", "internal"])
def test_final_outcome_is_told(outcome: str) -> None:
    objects = MemoryObjects()
    objects.hold(f"{PREFIX}report.json", {"task_id": TASK, "outcome": outcome, "code": "x"})

    answer = read_report(compute_task(), objects)

    assert answer.model_dump() == {"v": 1, "task_id": TASK, "outcome": outcome}


@pytest.mark.parametrize(
    "found",
    [
        None,
        b"{",
        b"null",
        b'{"outcome": "ok"}',
        b'{"task_id": "enh_01K00000000000000000000001-9", "outcome": "ok"}',
        b'{"task_id": "enh_01K00000000000000000000001-1", "outcome": "interrupted"}',
        b'{"task_id": "enh_01K00000000000000000000001-1", "outcome": "internal",'
        b' "code": "storage_failed"}',
    ],
)
def test_outcome_is_unknown_when_no_report_is_final(found: bytes | None) -> None:
    objects = MemoryObjects({} if found is None else {f"{PREFIX}report.json": found})

    assert read_report(compute_task(), objects).outcome == "unknown"
