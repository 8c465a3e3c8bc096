"""The chaos matrix: every point at which a process can die by everything a vendor can do.

`python -m tests.workflow.chaos` writes `docs/chaos_matrix.md` anew; `test_chaos.py` runs it all and
holds the page to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.workflow import enhance_stories
from tests.workflow.faults import DOWN, KILLED, Fault, Faults, Point
from tests.workflow.soundness import assert_sound, verdict
from tests.workflow.stories import STORIES as VENDORS_OWN
from tests.workflow.stories import Story

PAGE = Path(__file__).parents[2] / "docs" / "chaos_matrix.md"
STORIES = {**VENDORS_OWN, enhance_stories.GROUP: enhance_stories.STORIES}
"""By table of the page."""
Cell = tuple[str, str]
"""A row: the point's label and the phase."""


def points(story: Story) -> list[Point]:
    """Return the points that a story comes by: of each kind the first and the last."""
    faults = Faults()
    story.tell(faults)
    last = {point.label: point for point in faults.passed}
    first = {point.label: point for point in reversed(faults.passed)}
    return list(dict.fromkeys([*reversed(first.values()), *last.values()]))


def kinds(point: Point) -> tuple[str, ...]:
    """Return what can go wrong at a point. A vendor's own answers are stories, not faults."""
    if point.what.startswith("vendor's"):
        return (KILLED,)
    if point.step == "Compute":  # its caller dies, or learns nothing; the machine is started
        return (KILLED,)
    return (DOWN,) if point.step == "Await" else (KILLED, DOWN)


def cases(story: Story) -> Iterator[Fault]:
    """Yield every single fault of a story."""
    for point in points(story):
        for phase in ("before", "after"):
            for kind in kinds(point):
                yield Fault(point, phase, kind)


def run(story: Story, *wanted: Fault) -> str:
    """Tell a story with faults, assert that the job is sound at its end, and return its verdict."""
    faults = Faults(wanted)
    stage, job_id = story.tell(faults)
    try:
        assert_sound(stage, job_id)
    except AssertionError as exc:
        raise AssertionError(f"{'/'.join(story.key)} {wanted}: {exc}") from exc
    return verdict(stage, job_id)


@cache
def results(story_key: tuple[str, str]) -> dict[Cell, list[str]]:
    """Return the verdicts of all single faults of a story, by row."""
    story = next(story for story in STORIES[story_key[0]] if story.key == story_key)
    found: dict[Cell, list[str]] = {}
    for fault in cases(story):
        found.setdefault((fault.point.label, fault.phase), []).append(run(story, fault))
    return found


# ---------------------------------------------------------------- the page


def page() -> str:
    """Return the page as it should be."""
    parts = [_HEAD]
    for group, stories in STORIES.items():
        parts.append(_section(group, stories))
    return "\n".join(parts)


def _section(group: str, stories: list[Story]) -> str:
    who, title = _TITLES[group]
    lines = [f"## {title}", "", f"| | {who} | Without a fault |", "|---|---|---|"]
    lines += [
        f"| {n} | **{story.name}**: {story.says} | {story.ends} |"
        for n, story in enumerate(stories, 1)
    ]
    columns = [results(story.key) for story in stories]
    rows = sorted({row for column in columns for row in column}, key=_order)
    header = " | ".join(str(n) for n in range(1, len(stories) + 1))
    lines += ["", f"| Dies | {header} |", "|---|" + "---|" * len(stories)]
    for label, phase in rows:
        cells = " | ".join(_cell(column.get((label, phase))) for column in columns)
        lines.append(f"| {phase} {label} | {cells} |")
    return "\n".join([*lines, ""])


def _order(row: Cell) -> tuple[int, str, str]:
    label, phase = row
    step = label.partition(":")[0]
    return (_STEPS.index(step), label, "a" if phase == "before" else "b")


def _cell(verdicts: list[str] | None) -> str:
    return "" if verdicts is None else " ".join(sorted({_short(v) for v in verdicts}))


def _short(said: str) -> str:
    state, paid = said.split()
    return f"{_LETTERS[state]}{paid}"


_STEPS = (
    "Client Plan Submit Resolve Await Poll Store Probe Check Enhance Compute TakeEnhanced Settle "
    "Notify Fail Callback ExecutionEnded Sweep"
).split()
_LETTERS = {"succeeded": "S", "failed": "F", "canceled": "C", "expired": "X"}
_TITLES = {
    "kling": ("The vendor", "Kling: exact look-up, refuses duplicates, calls back"),
    "google": ("The vendor", "Google: found once it is done, no idempotency, polled"),
    "enhance": ("The machine", "Enhancement, of what Kling made and of uploads"),
}
_HEAD = """# The chaos matrix

Every point at which one of our processes can die, against everything that a vendor can do. A test
runs each cell, and this page is written by it: `python -m tests.workflow.chaos`.

- **Rows**: before and after each write to the ledger, each call to a vendor, the end of each
  upload, and the write that begins a wait. Where a point comes more than once, the first and the
  last time. At a write of ours two things go wrong, one at a time: the process dies, and the store
  answers with an error (after the write: only the answer is lost).
- **Columns**: the vendor's behaviours, or the enhancing machine's, and the caller's.
- **Cells**: how the job ends: **S**ucceeded, **F**ailed, **C**anceled, e**X**pired, with the number
  of paid tasks; `?` where nobody knows whether money was spent, `e` where the result is
  enhanced. Two words where the two faults end differently. Empty: the story does not come by
  this point.

In every cell the test asserts: the job has ended and nothing goes on; no attempt has more than one
paid task; there is at most one paid result; a result that can be found is attached, also late; the
vendor's books explain each attempt's state; the event log has no gap and tells of every asset; an
end with an unknown charge raised an alarm; no attempt was given up while in doubt; nothing was
submitted after a cancel; no machine works on for nobody; no enhancement had more than three tries;
an enhanced result is there, on the receipt, and names what it was made of; a job that gets its
video as it was says so in a warning.
"""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
