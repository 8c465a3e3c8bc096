"""What goes wrong between deciding a job and its end, and the rarer ways to ask for one."""

from __future__ import annotations

import pytest

from dailies.domain.arrivals import UnreadableError
from dailies.domain.catalogue import Mode
from dailies.domain.errors import ConflictError
from dailies.services.deliver_outbox import deliver_outbox
from tests.unit.services.inbox_stage import MODEL, MP4, PNG, PROMPT, ROOT, Stage
from tests.unit.services.test_ingest_caps import Outbox


class Died(Exception):
    """The function died here."""


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.put("_defaults.json", MODEL)
    return stage


def die_once(stage: Stage, phase: str, write: str) -> None:
    """Let the function die at the first such write."""

    def interrupt(now_phase: str, now_write: str) -> None:
        if (now_phase, now_write) == (phase, write):
            stage.interrupt(lambda phase, write: None)
            raise Died

    stage.interrupt(interrupt)


def test_money_is_given_back_when_the_object_is_gone_before_its_job_exists(stage: Stage) -> None:
    stage.put("cat.png.json", PROMPT)
    told = stage.drop("cat.png")
    die_once(stage, "after", "begin")
    with pytest.raises(Died):
        stage.tell(told)
    assert stage.spent() != "0"

    stage.folder.objects.pop(told[0])
    stage.sweep(after_s=61)

    assert (stage.state(told), stage.jobs()) == ("refused", [])
    assert stage.problem("cat.png")["code"] == "unreadable"
    assert float(stage.spent()) == 0


@pytest.mark.parametrize("phase", ["before", "after"])
def test_refusal_is_finished_when_it_died_while_giving_back(stage: Stage, phase: str) -> None:
    stage.put("cat.png.json", PROMPT)
    told = stage.drop("cat.png")
    die_once(stage, "after", "begin")
    with pytest.raises(Died):
        stage.tell(told)
    stage.folder.objects.pop(told[0])
    die_once(stage, phase, "give_back")
    with pytest.raises(Died):
        stage.tell(told)
    stage.sweep(after_s=61)

    assert stage.state(told) == "refused"
    assert float(stage.spent()) == 0


def test_job_goes_on_when_the_object_is_gone_after_its_job_exists(stage: Stage) -> None:
    stage.put("cat.png.json", PROMPT)
    told = stage.drop("cat.png")
    die_once(stage, "after", "create")
    with pytest.raises(Died):
        stage.tell(told)
    stage.folder.objects.pop(told[0])
    stage.sweep(after_s=61)

    assert (stage.state(told), len(stage.jobs())) == ("started", 1)
    assert float(stage.spent()) > 0


def test_other_inputs_come_from_the_inbox_too_when_a_sidecar_points_at_them(stage: Stage) -> None:
    stage.drop("_stock/last.png")
    last = {"last_frame": {"key": f"{ROOT}_stock/last.png"}}
    stage.put("_defaults.json", {"model": "google/veo-3.1-generate-001", "duration_s": 8})
    stage.put("cat.png.json", {"prompt": "Night falls", **last})
    stage.put("cat.png")

    (job,) = stage.jobs()
    assert job.request.kind is Mode.IMAGE_TO_VIDEO
    assert job.request.image is not None and job.request.last_frame is not None
    assert job.request.image != job.request.last_frame


def test_each_reference_becomes_an_asset_when_a_body_lists_them(stage: Stage) -> None:
    keys = [f"{ROOT}_stock/{n}.png" for n in range(2)]
    for key in keys:
        stage.folder.upload(key, PNG)
    refs = [{"key": key} for key in [*keys, keys[0]]]
    body = {"kind": "text_to_video", "prompt": "They meet", "references": refs}
    stage.put("_defaults.json", {"model": "google/veo-3.1-generate-001", "duration_s": 8})
    stage.put("job.json", body)

    (job,) = stage.jobs()
    first, second, third = (one.asset_id for one in job.request.references)
    assert (first == third, first == second) == (True, False)


@pytest.mark.parametrize(
    ("sidecar", "code"),
    [
        ({"kind": "text_to_video", "prompt": "x"}, "invalid_sidecar"),
        ({"image": {"key": f"{ROOT}x.png"}, "prompt": "x"}, "invalid_sidecar"),
        ("{", "invalid_sidecar"),
        ({"prompt": "x", "duration_s": 599}, "invalid_request"),
    ],
)
def test_problem_is_the_pictures_when_its_sidecar_has_mistakes(
    stage: Stage, sidecar: str | dict[str, object], code: str
) -> None:
    stage.drop("cat.png.json", sidecar)
    stage.put("cat.png")

    assert stage.problem("cat.png")["code"] == code
    assert stage.jobs() == []


def test_body_is_refused_when_what_it_points_at_is_hostile(stage: Stage) -> None:
    stage.drop("_stock/bad.png", b"MZ" + bytes(64))
    image = {"image": {"key": f"{ROOT}_stock/bad.png"}}
    stage.put("job.json", {"kind": "image_to_video", "prompt": "x", **image})

    problem = stage.problem("job.json")
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("invalid_request", "/image")


def test_object_is_refused_when_not_even_its_facts_can_be_had(stage: Stage) -> None:
    key, version_id = stage.drop("a.png")
    stage.folder.sealed = key
    stage.tell((key, version_id))
    body = {"kind": "image_to_video", "prompt": "x", "image": {"key": key}}
    stage.put("job.json", body)

    assert [stage.problem(path)["code"] for path in ("a.png", "job.json")] == ["unreadable"] * 2


def test_video_starts_nothing_when_it_is_dropped(stage: Stage) -> None:
    told = stage.put("clip.mp4", MP4)

    assert (stage.state(told), stage.problems(), stage.jobs()) == ("noted", [], [])


def test_picture_without_an_ending_is_refused_when_it_is_dropped(stage: Stage) -> None:
    stage.put("cat", PNG)

    assert stage.problem("cat")["code"] == "wrong_type"


def test_end_is_written_again_when_another_writes_the_row(stage: Stage) -> None:
    outbox = Outbox(stage)
    told = stage.put("one.txt", "A heron")
    ref = outbox.succeed(stage.jobs()[0])
    conflicts = 3

    def contend(phase: str, write: str) -> None:
        nonlocal conflicts
        if (phase, write) == ("before", "write") and conflicts:
            conflicts -= 1
            raise ConflictError("again")

    stage.interrupt(contend)
    deliver_outbox(ref, outbox.ports)
    assert stage.state(told) == "ended"


def test_end_comes_again_when_a_video_is_not_there(stage: Stage) -> None:
    outbox = Outbox(stage)
    stage.put("one.txt", "A heron")
    (job,) = stage.jobs()
    ref = outbox.succeed(job)
    outputs = [key for key in stage.folder.objects if key.startswith("outputs/")]
    stage.folder.objects.pop(outputs[0])

    with pytest.raises(UnreadableError):
        deliver_outbox(ref, outbox.ports)


def test_dropped_video_is_enhanced_without_a_model_or_the_folders_prompt(stage: Stage) -> None:
    stage.put("_defaults.json", {**MODEL, **PROMPT, "enhance": {"stages": [{"name": "denoise"}]}})
    stage.put("old.mp4", MP4)

    stage.tell(stage.drop("job.json", {"kind": "enhance", "video": {"key": f"{ROOT}old.mp4"}}))

    (job,) = stage.jobs()
    assert (job.request.kind, job.request.model, job.routes) == (Mode.ENHANCE, None, [])
    assert job.request.enhance is not None
    assert [s.name for s in job.request.enhance.stages] == ["denoise"]
    assert float(stage.spent()) == 0


def test_dropped_job_is_refused_where_its_enhancement_is_wrong(stage: Stage) -> None:
    stage.put("old.mp4", MP4)
    body = {
        "kind": "enhance",
        "video": {"key": f"{ROOT}old.mp4"},
        "enhance": {"stages": [{"name": "sr", "model": "luma-x9"}]},
    }

    stage.tell(stage.drop("job.json", body))

    assert stage.jobs() == []
    (problem,) = stage.problem("job.json")["errors"]
    assert problem["pointer"] == "/enhance/stages/0/model"
