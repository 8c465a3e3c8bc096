"""What each kind of object in the drop folder becomes."""

from __future__ import annotations

import json

import pytest

from dailies.domain.catalogue import Mode
from tests.unit.services.inbox_stage import MODEL, MP4, PNG, PROMPT, ROOT, ZIP, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_picture_becomes_a_video_when_its_sidecar_is_there(stage: Stage) -> None:
    stage.drop("cat.png.json", PROMPT)
    told = stage.put("cat.png")

    (job,) = stage.jobs()
    assert (job.request.kind, job.request.prompt) == (Mode.IMAGE_TO_VIDEO, "It begins to rain")
    assert job.request.image is not None
    asset = stage.ledger.asset(job.request.image.asset_id)
    assert asset is not None
    assert (asset.key, asset.content_type) == (f"uploads/acme/{asset.asset_id}", "image/png")
    assert stage.folder.objects[asset.key][-1].data == PNG
    assert stage.state(told) == "started"
    assert stage.workflow.started == [(job.job_id, 1)]
    note = stage.folder.objects[f"outbox/acme/cat.png.{job.job_id}.job.json"][-1].data
    assert json.loads(note)["job_id"] == job.job_id


def test_picture_waits_ten_seconds_when_only_the_folder_has_a_prompt(stage: Stage) -> None:
    stage.put("_defaults.json", PROMPT)
    told = stage.put("cat.png")

    assert (stage.jobs(), stage.state(told)) == ([], "waiting")
    assert stage.later.asked == [(*told, 10)]
    stage.deliver_later()
    assert [job.request.prompt for job in stage.jobs()] == ["It begins to rain"]


def test_sidecar_wins_when_it_comes_within_the_ten_seconds(stage: Stage) -> None:
    stage.put("_defaults.json", PROMPT)
    stage.put("cat.png")
    stage.clock.advance(9)
    stage.put("cat.png.json", {"prompt": "It clears up"})
    stage.deliver_later()

    assert [job.request.prompt for job in stage.jobs()] == ["It clears up"]


def test_nothing_more_starts_when_the_sidecar_comes_too_late(stage: Stage) -> None:
    stage.put("_defaults.json", PROMPT)
    stage.put("cat.png")
    stage.deliver_later()
    stage.put("cat.png.json", {"prompt": "It clears up"})

    assert [job.request.prompt for job in stage.jobs()] == ["It begins to rain"]


def test_picture_holds_until_the_sidecar_comes_when_there_is_no_default(stage: Stage) -> None:
    stage.put("_defaults.json", MODEL)
    told = stage.put("cat.png")
    stage.deliver_later()
    stage.sweep(after_s=600)
    assert (stage.jobs(), stage.problems(), stage.state(told)) == ([], [], "waiting")

    stage.put("cat.png.json", {"prompt": "It clears up"})

    assert [job.request.prompt for job in stage.jobs()] == ["It clears up"]


def test_problem_is_reported_when_no_prompt_came_for_fifteen_minutes(stage: Stage) -> None:
    stage.put("_defaults.json", MODEL)
    told = stage.put("cat.png")
    stage.deliver_later()
    stage.sweep(after_s=900)

    assert (stage.jobs(), stage.state(told)) == ([], "refused")
    assert stage.problem("cat.png")["code"] == "no_prompt"
    assert "cat.png.json" in stage.problem("cat.png")["hint"]
    stage.put("cat.png.json", {"prompt": "It clears up"})
    assert stage.jobs() == []


def test_older_picture_is_let_go_when_a_newer_one_holds_too(stage: Stage) -> None:
    stage.put("_defaults.json", MODEL)
    older = stage.put("cat.png")
    stage.deliver_later()
    stage.put("cat.png")
    stage.deliver_later()
    stage.put("cat.png.json", {"prompt": "It clears up"})
    stage.sweep(after_s=120)

    assert len(stage.jobs()) == 1
    assert stage.state(older) == "noted"


@pytest.mark.parametrize("name", ["story.txt", "story.md", "deep/er/story.TXT"])
def test_text_is_the_prompt_when_it_is_dropped(stage: Stage, name: str) -> None:
    stage.put("_defaults.json", {**PROMPT, "metadata": {"show": "one"}})
    stage.put(name, "\ufeff A heron\nat dawn \n")

    (job,) = stage.jobs()
    assert (job.request.kind, job.request.prompt) == (Mode.TEXT_TO_VIDEO, "A heron\nat dawn")
    assert job.request.metadata == {"show": "one"}


def test_nearest_defaults_win_when_folders_lie_in_folders(stage: Stage) -> None:
    stage.put("_defaults.json", {**MODEL, "resolution": "1080p", "duration_s": 5})
    stage.put("a/_defaults.json", {"resolution": "720p"})
    stage.put("a/b/one.txt", "A tram")

    (job,) = stage.jobs()
    assert (job.request.resolution, job.request.duration_s) == ("720p", 5)


def test_body_points_at_an_object_when_it_names_its_key(stage: Stage) -> None:
    picture = stage.put("_stock/first.png")
    body = {**PROMPT, "kind": "image_to_video", "image": {"key": f"{ROOT}_stock/first.png"}}
    stage.put("job.json", body)

    (job,) = stage.jobs()
    assert job.request.image is not None
    assert stage.state(picture) == "noted"


def test_picture_starts_no_job_of_its_own_when_a_body_points_at_it(stage: Stage) -> None:
    stage.put("_defaults.json", PROMPT)
    body = {"kind": "image_to_video", "image": {"key": f"{ROOT}first.png"}}
    picture = stage.put("first.png")
    stage.put("job.json", body)
    stage.deliver_later()

    assert len(stage.jobs()) == 1
    assert stage.state(picture) == "used"


def test_body_waits_for_the_object_when_it_comes_first(stage: Stage) -> None:
    stage.put("_defaults.json", PROMPT)
    told = stage.put("job.json", {"kind": "image_to_video", "image": {"key": f"{ROOT}first.png"}})
    picture = stage.put("first.png")
    stage.deliver_later()

    assert (len(stage.jobs()), stage.state(told), stage.state(picture)) == (1, "started", "used")


def test_problem_is_reported_when_the_object_never_comes(stage: Stage) -> None:
    stage.put(
        "job.json", {**PROMPT, "kind": "image_to_video", "image": {"key": f"{ROOT}first.png"}}
    )
    stage.sweep(after_s=901)

    assert stage.problem("job.json")["code"] == "object_missing"
    assert stage.jobs() == []


@pytest.mark.parametrize(
    "key", ["inbox/other/x.png", "uploads/acme/x.png", "outbox/acme/x.png", "x.png", 7, None]
)
def test_body_is_refused_when_it_points_outside_its_own_inbox(stage: Stage, key: object) -> None:
    stage.folder.upload("inbox/other/x.png", PNG)
    stage.put("job.json", {**PROMPT, "kind": "image_to_video", "image": {"key": key}})

    problem = stage.problem("job.json")
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("invalid_request", "/image")
    assert stage.jobs() == []


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("a.png", ZIP, "unsupported_type"),
        ("a.png", MP4, "wrong_type"),
        ("a.jpg", b"<html>", "unsupported_type"),
        ("a.mp4", ZIP, "unsupported_type"),
        ("a.exe", b"MZ" + bytes(64), "unsupported_type"),
        ("a.txt", PNG, "not_text"),
        ("a.md", b"ab\x00c", "not_text"),
        ("a.json", PNG, "not_text"),
    ],
)
def test_file_is_quarantined_when_it_is_not_what_its_name_says(
    stage: Stage, path: str, content: bytes, code: str
) -> None:
    stage.put("_defaults.json", PROMPT)
    told = stage.put(path, content)

    problem = stage.problem(path)
    assert (problem["code"], problem["quarantined"]) == (code, True)
    assert problem["message"] and problem["hint"]
    (copy,) = (k for k in stage.folder.objects if k.startswith("quarantine/acme/"))
    assert copy.endswith(f"/{path}")
    assert (stage.state(told), stage.jobs()) == ("refused", [])


@pytest.mark.parametrize(
    ("path", "size_bytes"),
    [("a.png", 51 * 1024**2), ("a.txt", 70_000), ("a.json", 300_000), ("a.png", 6 * 1024**3)],
)
def test_file_is_refused_without_being_read_when_it_is_too_large(
    stage: Stage, path: str, size_bytes: int
) -> None:
    stage.put("_defaults.json", PROMPT)
    stage.put(path, PNG, size_bytes=size_bytes)

    problem = stage.problem(path)
    assert problem["code"] == "too_large"
    assert problem["quarantined"] is (size_bytes <= 5 * 1024**3)


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("a.txt", "", "empty"),
        ("a.txt", " \n", "empty"),
        ("a.txt", "\u200b\ufeff \u2060", "empty"),
        ("a.json", "{", "not_json"),
        ("a.json", '{"prompt": "a", "prompt": "b", "kind": "text_to_video"}', "not_json"),
        ("a.json", '{"kind": "text_to_video", "prompt": "a", "seed": NaN}', "not_json"),
        ("_defaults.json", '{"spend_cap_usd": 1, "spend_cap_usd": 9}', "not_json"),
        ("a.json", "[]", "not_json"),
        ("a.json", '{"a":' * 20_000, "not_json"),
        ("a.json", {"prompt": "x", "kind": "text_to_video", "colour": "red"}, "invalid_request"),
        ("a.json", {"prompt": "x"}, "invalid_request"),
        ("a.json", {"kind": "text_to_video", "prompt": "x" * 9000}, "invalid_request"),
        ("a.json", {"kind": "text_to_video", "prompt": "x", "model": "no/no"}, "invalid_request"),
        ("a.json", {"kind": "text_to_video", "prompt": "x", "model": ["a"]}, "invalid_request"),
        ("_defaults.json", {"colour": "red"}, "invalid_defaults"),
        ("_defaults.json", {"spend_cap_usd": "NaN"}, "invalid_defaults"),
        ("_defaults.json", {"spend_cap_usd": -1}, "invalid_defaults"),
        ("_defaults.json", {"spend_cap_usd": 1e300}, "invalid_defaults"),
        ("_defaults.json", {"spend_cap_usd": True}, "invalid_defaults"),
        ("_defaults.json", {"\ud800": 1}, "invalid_defaults"),
        ("a.json", {"kind": "text_to_video", "prompt": "\ud800"}, "invalid_request"),
        ("a.json", '{"prompt": ' + "9" * 5000 + "}", "not_json"),
        ("_defaults.json", {"image": {"key": "x"}}, "invalid_defaults"),
    ],
)
def test_problem_says_what_is_wrong_when_a_file_has_mistakes(
    stage: Stage, path: str, content: str, code: str
) -> None:
    stage.put("_defaults.json", MODEL)
    stage.put(path, content)

    assert stage.problem(path)["code"] == code
    assert stage.problem(path)["quarantined"] is False
    assert stage.jobs() == []


def test_picture_holds_when_its_prompt_shows_nothing(stage: Stage) -> None:
    stage.put("_defaults.json", MODEL)
    stage.put("cat.png.json", {"prompt": "\u200b \u2060"})

    assert stage.state(stage.put("cat.png")) == "waiting"
    assert stage.jobs() == []


def test_nothing_is_spent_when_a_folders_defaults_are_broken(stage: Stage) -> None:
    stage.drop("_defaults.json", "{")
    stage.put("a.txt", "A tram")

    assert stage.problem("a.txt")["code"] == "invalid_defaults"
    assert stage.jobs() == []


def test_problem_asks_for_a_model_when_nothing_names_one(stage: Stage) -> None:
    told = stage.put("a.txt", "A tram")
    assert (stage.state(told), stage.problems()) == ("waiting", [])
    stage.deliver_later()

    assert stage.problem("a.txt")["code"] == "no_model"


def test_defaults_count_when_they_come_with_the_first_file(stage: Stage) -> None:
    stage.put("a.txt", "A tram")
    stage.put("_defaults.json", MODEL)
    stage.deliver_later()

    assert len(stage.jobs()) == 1


def test_object_is_refused_when_only_its_owner_can_read_it(stage: Stage) -> None:
    told = stage.drop("a.txt", "A tram")
    stage.folder.objects[told[0]][-1].readable = False
    stage.tell(told)

    assert stage.problem("a.txt")["code"] == "unreadable"


def test_nothing_happens_when_the_object_is_gone(stage: Stage) -> None:
    told = stage.drop("a.txt", "A tram")
    stage.folder.objects.clear()
    stage.tell(told)

    assert (stage.arrivals.rows, stage.folder.objects) == ({}, {})


def test_waiting_ends_when_the_object_is_deleted(stage: Stage) -> None:
    stage.put("_defaults.json", MODEL)
    told = stage.put("cat.png")
    stage.folder.objects.pop(told[0])
    stage.sweep(after_s=60)

    assert stage.state(told) == "noted"
