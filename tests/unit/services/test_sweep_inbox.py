"""Objects whose event was lost are found; what lies there already, or is on its way, is let be."""

from __future__ import annotations

import pytest

from dailies.services.sweep_inbox import sweep_inbox
from tests.unit.services.inbox_stage import MODEL, PNG, PROMPT, ROOT, Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.put("_defaults.json", PROMPT)
    stage.sweep()
    return stage


def test_job_starts_when_the_event_was_lost(stage: Stage) -> None:
    told = stage.drop("cat.png")
    stage.sweep(after_s=901)

    assert stage.state(told) == "started"


def test_every_version_is_found_when_a_name_was_uploaded_twice(stage: Stage) -> None:
    stage.drop("one.txt", "A heron")
    stage.drop("one.txt", "A tram")
    stage.sweep(after_s=901)

    assert sorted(job.request.prompt for job in stage.jobs()) == ["A heron", "A tram"]


def test_young_object_is_left_to_its_event_when_the_walk_sees_it(stage: Stage) -> None:
    stage.clock.advance(850)
    told = stage.drop("one.txt", "A heron")
    stage.sweep(after_s=60)
    assert stage.state(told) == "none"

    stage.sweep(after_s=901)
    assert stage.state(told) == "started"


def test_inbox_is_walked_every_quarter_of_an_hour_when_nothing_happens(stage: Stage) -> None:
    stage.drop("one.txt", "A heron")

    assert stage.sweep(after_s=600)["listed"] == 0
    assert stage.sweep(after_s=301)["listed"] > 0


def test_old_objects_start_nothing_when_the_folder_is_taken_into_use() -> None:
    stage = Stage()
    stage.drop("_defaults.json", PROMPT)
    stage.drop("one.txt", "A heron")
    stage.clock.advance(3 * 86_400)
    stage.sweep()

    assert stage.jobs() == []


def test_upload_in_parts_is_found_when_it_began_a_day_ago(stage: Stage) -> None:
    told = stage.drop("cat.png")
    key = told[0]
    versions = stage.folder.objects.pop(key)
    for _ in range(90):
        stage.sweep(after_s=901)
    stage.folder.objects[key] = versions  # complete only now, dated 22.5 hours ago
    for _ in range(60):
        stage.sweep(after_s=901)

    assert stage.state(told) == "started"


def test_walk_goes_on_where_it_was_when_its_time_ran_out(stage: Stage) -> None:
    for n in range(5):
        stage.drop(f"{n}.txt", "A heron")
    stage.clock.advance(901)
    pages = 0

    def remaining_s() -> float:
        nonlocal pages
        pages += 1
        return 60.0 if pages <= 2 else 1.0

    sweep_inbox(stage.ports, remaining_s=remaining_s)
    started = len(stage.jobs())
    assert 0 < started < 5

    stage.sweep()
    assert len(stage.jobs()) == 5


def test_others_are_looked_after_when_one_cannot_be(stage: Stage) -> None:
    broken, good = stage.drop("a.txt", "A heron"), stage.drop("b.txt", "A tram")
    stage.folder.broken = broken
    stage.sweep(after_s=901)

    assert (stage.state(broken), stage.state(good)) == ("none", "started")
    stage.folder.broken = None
    stage.sweep(after_s=901)
    assert stage.state(broken) == "started"


def test_operators_are_told_when_an_arrival_cannot_be_looked_after(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.folder.broken = stage.drop("a.txt", "A heron")
    stage.sweep(after_s=901)

    assert capsys.readouterr().out.count('"StuckArrivals":[1') == 1


def test_what_is_due_and_broken_is_put_off_when_it_is_swept(stage: Stage) -> None:
    stage.put("_defaults.json", MODEL)
    told = stage.put("cat.png")
    stage.folder.broken = told
    stage.sweep(after_s=20)

    assert stage.sweep(after_s=61)["due"] == 0
    stage.folder.broken = None
    stage.put("cat.png.json", PROMPT)
    assert stage.state(told) == "started"


@pytest.mark.parametrize(
    "key",
    ["inbox/cat.png", "inbox/ACME/cat.png", "inbox/acme/", "outbox/acme/a.txt", "inbox/acme/a/"],
)
def test_object_is_let_be_when_it_belongs_to_nobody(stage: Stage, key: str) -> None:
    rows = dict(stage.arrivals.rows)
    version_id = stage.folder.upload(key, PNG)
    stage.tell((key, version_id))
    stage.sweep(after_s=901)

    assert stage.arrivals.rows == rows


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("inbox/nobody/a.txt", "unknown_tenant"),
        (f"{ROOT}../other/a.txt", "unsafe_name"),
        (f"{ROOT}a\u202etxt.md", "unsafe_name"),
        (f"{ROOT}{'a' * 950}.txt", "unsafe_name"),
    ],
)
def test_problem_is_told_once_when_the_place_is_wrong(stage: Stage, key: str, code: str) -> None:
    told = (key, stage.folder.upload(key, b"A heron"))
    for _ in range(3):
        stage.tell(told)

    row = stage.arrivals.find(*told)
    assert row is not None
    assert (row.state.value, row.problem) == ("refused", code)
    (problem,) = stage.problems()
    assert len(stage.folder.objects[problem]) == 1
    assert problem.startswith(("outbox/nobody/", "outbox/acme/_refused/"))
    assert stage.jobs() == []


def test_nothing_starts_when_the_tenants_last_key_is_gone(stage: Stage) -> None:
    stage.tenants.names.clear()
    stage.put("_defaults.json", MODEL)
    stage.put("a.txt", "A heron")

    assert stage.problem("a.txt")["code"] == "unknown_tenant"
