"""Every way a vendor and its caller can behave: the columns of the chaos matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.fakes.vendor import CancelingVendor, Task, Vendor
from tests.workflow.faults import Faults
from tests.workflow.stage import Stage, two_vendors

KLING, GOOGLE = "kling/kling-3.0", "google/veo-3.1-generate-001"
SHORT_S = 900
"""Deadline of the jobs that run into it."""


@dataclass(frozen=True)
class Story:
    """A vendor's behaviour, and what the job comes to when nothing of ours dies."""

    name: str
    says: str
    ends: str
    """Job's state, number of paid tasks, and `?` where nobody knows whether money was spent."""
    model: str = KLING
    fallback: str = ""
    vendor: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Stage], None] = lambda stage: None
    begin: Callable[[Stage, str], None] = lambda stage, job_id: None
    """What else happens once the job is created."""
    group: str = ""
    """Its table in the matrix; the vendor's by default."""

    @property
    def key(self) -> tuple[str, str]:
        """Its table and its name."""
        return self.group or self.vendor_name, self.name

    @property
    def vendor_name(self) -> str:
        return self.model.partition("/")[0]

    def tell(self, faults: Faults) -> tuple[Stage, str]:
        """Let it happen to its end; return the stage and the job's id."""
        stage = two_vendors(faults, make=self._make)
        self.prepare(stage)
        fallbacks = {"fallbacks": [self.fallback]} if self.fallback else {}
        model = {"model": self.model} if self.model else {}
        job_id = stage.create(**model, **fallbacks, **self.request)
        self.begin(stage, job_id)
        stage.run(until_s=2 * 86_400)
        return stage, job_id

    def _make(self, name: str, **common: Any) -> Vendor:
        own = {**self.vendor} if name == self.vendor_name else {}
        kind = CancelingVendor if own.pop("cancelable", False) else Vendor
        return kind(name, **{**common, **{k: _copy(v) for k, v in own.items()}})


def _copy(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def _cancel_at(seconds: float, stage: Stage, job_id: str) -> None:
    stage.clock.after(seconds, lambda: stage.cancel(job_id))


def cancel_after(seconds: float) -> Callable[[Stage, str], None]:
    """Return what cancels the job so long after its creation."""
    return partial(_cancel_at, seconds)


def _dies_while_waiting(stage: Stage, job_id: str) -> None:
    stage.clock.after(20, lambda: stage.abort(job_id, 1))


def _no_callback(stage: Stage) -> None:
    stage.vendors["kling"].on_created = lambda task: None


def _calls_back_often(stage: Stage) -> None:
    kling = stage.vendors["kling"]

    def created(task: Task) -> None:
        bodies = {5: "under way", 15: "under way", 30: "under way", 31: "forged"}
        for after_s, body in {**bodies, kling.duration_s: "terminal"}.items():
            stage.clock.after(after_s, partial(stage.call_back, task.external_id, body))

    kling.on_created = created


def _refuse_starts(stage: Stage) -> None:
    stage.start_refused = 2


def _crowded(stage: Stage) -> None:
    stage.throttled = {"Plan": 1, "Submit": 1, "Poll": 3, "Store": 1}


LATE = {"request": {"deadline_s": SHORT_S}, "vendor": {"duration_s": 1500}}
NEVER = {"request": {"deadline_s": SHORT_S}, "vendor": {"outcome": "never"}}


def _both(model: str) -> list[Story]:
    """Return what can happen with every vendor."""
    other = GOOGLE if model == KLING else KLING
    story = partial(Story, model=model)
    return [
        story("accepts", "it takes the task and delivers", "succeeded 1"),
        story(
            "throttles",
            "429 three times, then it takes the task",
            "succeeded 1",
            vendor={"submits": ["throttle"] * 3 + ["accept"]},
        ),
        story(
            "stays busy",
            "429 for ever",
            "expired 0",
            vendor={"submits": ["throttle"], "retry_after_s": 60},
            request={"deadline_s": SHORT_S},
        ),
        story(
            "stays busy, fallback",
            "429 for ever; the job names another vendor",
            "succeeded 1",
            fallback=other,
            vendor={"submits": ["throttle"]},
        ),
        story(
            "5xx before",
            "two 5xx that certainly accepted nothing, then it takes the task",
            "succeeded 1",
            vendor={"submits": ["unavailable"] * 2 + ["accept"]},
        ),
        story(
            "rejects",
            "it refuses for good (balance)",
            "failed 0",
            vendor={"submits": ["reject"]},
        ),
        story(
            "rejects, fallback",
            "it refuses for good (balance); the job names another vendor",
            "succeeded 1",
            fallback=other,
            vendor={"submits": ["reject"]},
        ),
        story(
            "moderates",
            "it refuses the prompt: nobody else is asked",
            "failed 0",
            fallback=other,
            vendor={"submits": ["moderate"]},
        ),
        story("fails", "the task ends as failed", "failed 1", vendor={"outcome": "fail"}),
        story(
            "fails, fallback",
            "the task ends as failed; the job names another vendor",
            "succeeded 2",
            fallback=other,
            vendor={"outcome": "fail"},
        ),
        story(
            "blocks",
            "moderation withholds the result: nobody else is asked",
            "failed 1",
            fallback=other,
            vendor={"outcome": "block"},
        ),
        story(
            "answers at once",
            "the submit's answer is the result",
            "succeeded 1",
            vendor={"submits": ["finished"]},
        ),
        story("never ends", "the task is pending for ever", "expired 1?", **NEVER),
        story("ends late", "the task succeeds after the job's deadline", "expired 1", **LATE),
        story("polls down", "six polls find nothing out", "succeeded 1", vendor={"polls_down": 6}),
        story(
            "canceled",
            "the caller cancels while it works; it cannot stop",
            "canceled 1",
            begin=cancel_after(30),
        ),
        story(
            "canceled, can stop",
            "the caller cancels while it works; it stops",
            "canceled 1",
            vendor={"cancelable": True},
            begin=cancel_after(30),
        ),
        story(
            "canceled while busy",
            "the caller cancels while it says 429",
            "canceled 0",
            vendor={"submits": ["throttle"], "retry_after_s": 60},
            begin=cancel_after(30),
        ),
        story(
            "run dies",
            "the execution is aborted while it waits",
            "succeeded 1",
            begin=_dies_while_waiting,
        ),
    ]


STORIES: dict[str, list[Story]] = {
    "kling": [
        *_both(KLING),
        Story("no callback", "the callback never comes", "succeeded 1", prepare=_no_callback),
        Story(
            "many callbacks",
            "three that tell of no end, a forged one, the last one",
            "succeeded 1",
            prepare=_calls_back_often,
        ),
        Story(
            "answer lost",
            "it takes the task, and its answer is lost (5xx after acceptance, time-out)",
            "succeeded 1",
            vendor={"submits": ["lost", "accept"]},
        ),
        Story(
            "lost and hidden",
            "its answer is lost, and the task hides from look-ups for 55 s",
            "succeeded 1",
            vendor={"submits": ["lost", "accept"], "visible_after_s": 55},
        ),
        Story(
            "lost, look-up down",
            "its answer is lost, and eight look-ups find nothing out",
            "succeeded 1",
            vendor={"submits": ["lost", "accept"], "lookups_down": 8},
        ),
        Story(
            "lost unsent",
            "no answer, and it never got the request",
            "succeeded 1",
            vendor={"submits": ["lost_unsent", "accept"]},
        ),
        Story(
            "lost, canceled",
            "its answer is lost, it never got the request, and the caller cancels meanwhile",
            "canceled 0",
            vendor={"submits": ["lost_unsent", "accept"]},
            begin=cancel_after(30),
        ),
        Story(
            "no room",
            "Lambda has no room for Plan, Submit, Poll and Store at first",
            "succeeded 1",
            prepare=_crowded,
        ),
        Story(
            "start refused",
            "the account's quota of starts is used up",
            "succeeded 1",
            prepare=_refuse_starts,
        ),
    ],
    "google": [
        *_both(GOOGLE),
        Story(
            "answer lost",
            "it takes the task, and its answer is lost: found once it is done",
            "succeeded 1",
            model=GOOGLE,
            vendor={"submits": ["lost", "accept"]},
        ),
        Story(
            "lost and fails",
            "its answer is lost, and the task fails: nobody can ever tell",
            "expired 1?",
            model=GOOGLE,
            vendor={"submits": ["lost", "accept"], "outcome": "fail"},
            request={"deadline_s": SHORT_S},
        ),
        Story(
            "lost, ends late",
            "its answer is lost, and the task succeeds after the job's deadline",
            "expired 1",
            model=GOOGLE,
            vendor={"submits": ["lost", "accept"], "duration_s": 1500},
            request={"deadline_s": SHORT_S},
        ),
        Story(
            "lost unsent",
            "no answer, and it never got the request: nobody can ever tell",
            "expired 0?",
            model=GOOGLE,
            vendor={"submits": ["lost_unsent", "accept"]},
            request={"deadline_s": SHORT_S},
        ),
        Story(
            "lost, canceled",
            "its answer is lost, and the caller cancels meanwhile",
            "canceled 1",
            model=GOOGLE,
            vendor={"submits": ["lost", "accept"]},
            begin=cancel_after(30),
        ),
    ],
}
