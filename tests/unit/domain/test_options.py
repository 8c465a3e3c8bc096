"""A request becomes complete and allowed options for one model, or a list of problems."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dailies.domain.catalogue import ModelSpec, ModeSpec, VendorSpec, load_catalogue
from dailies.domain.errors import InvalidRequestError
from dailies.domain.jobs import JobRequest
from dailies.domain.options import ResolvedOptions, resolve_options

ASSET = {"asset_id": "ast_01J9ZQ3V5M8K2N4P6R7S8T9V0W"}


def resolve(ref: str, **asked: Any) -> tuple[ResolvedOptions, list[str]]:
    found = load_catalogue().find(ref)
    assert found
    body = {"kind": "text_to_video", "model": ref, "prompt": "A fox"} | asked
    return resolve_options(JobRequest.model_validate(body), *found)


def problems(ref: str, **asked: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as caught:
        resolve(ref, **asked)
    assert caught.value.hint
    return {problem.pointer: problem.detail for problem in caught.value.problems}


def test_first_of_each_list_is_taken_when_nothing_is_asked() -> None:
    options, dropped = resolve("kling/kling-3.0")

    assert (options.resolution, options.duration_s, options.aspect_ratio, options.audio) == (
        "720p",
        5,
        "16:9",
        False,
    )
    assert (options.inputs, options.seed, options.negative_prompt, dropped) == ((), None, None, [])


def test_what_was_asked_is_kept_when_it_is_allowed() -> None:
    options, _ = resolve(
        "google/veo-3.1-generate-001",
        resolution="1080p",
        duration_s=8,
        aspect_ratio="9:16",
        audio=False,
        seed=0,
        negative_prompt="rain",
    )

    assert (options.resolution, options.duration_s, options.aspect_ratio) == ("1080p", 8, "9:16")
    assert (options.audio, options.seed, options.negative_prompt) == (False, 0, "rain")


def test_default_gives_way_when_a_constraint_forbids_it() -> None:
    options, _ = resolve("kling/kling-2.6", audio=True)

    assert options.resolution == "1080p"


def test_default_gives_way_when_an_input_forbids_it() -> None:
    options, _ = resolve(
        "kling/kling-2.5-turbo", kind="image_to_video", image=ASSET, last_frame=ASSET
    )

    assert options.resolution == "1080p"
    assert options.inputs == ("image", "last_frame")
    assert options.aspect_ratio is None


@pytest.mark.parametrize(
    ("asked", "pointer", "words"),
    [
        ({"resolution": "9000p"}, "/resolution", "allows: 720p, 1080p, 4k"),
        ({"duration_s": 99}, "/duration_s", "allows: 5, 3"),
        ({"aspect_ratio": "4:3"}, "/aspect_ratio", "allows: 16:9"),
        ({"prompt": "  "}, "/prompt", "needs a prompt"),
        ({"prompt": "x" * 3073}, "/prompt", "at most 3072"),
        ({"negative_prompt": "rain"}, "/negative_prompt", "no negative prompt"),
        ({"seed": 0}, "/seed", "no seed"),
        ({"image": ASSET}, "/image", "takes no image"),
        ({"kind": "image_to_video"}, "/image", "needs an asset"),
        (
            {"kind": "image_to_video", "image": ASSET, "aspect_ratio": "16:9"},
            "/aspect_ratio",
            "takes no aspect_ratio",
        ),
    ],
)
def test_request_is_refused_at_its_field_when_the_model_cannot(
    asked: dict[str, Any], pointer: str, words: str
) -> None:
    found = problems("kling/kling-3.0", **asked)

    assert list(found) == [pointer]
    assert words in found[pointer]


def test_every_problem_is_told_when_there_are_several() -> None:
    found = problems("kling/kling-3.0", resolution="1p", duration_s=1, seed=1, prompt="")

    assert set(found) == {"/resolution", "/duration_s", "/seed", "/prompt"}


def test_audio_is_refused_in_json_words_when_the_model_has_no_choice() -> None:
    assert problems("kling/kling-3.0-turbo", audio=False) == {
        "/audio": "kling/kling-3.0-turbo allows: true."
    }


def test_constraint_is_told_at_what_was_asked_when_it_is_broken() -> None:
    assert problems("kling/kling-2.6", audio=True, resolution="720p") == {
        "/resolution": "Native audio is made at 1080p only."
    }
    assert problems("google/veo-3.1-generate-001", resolution="4k", duration_s=4) == {
        "/duration_s": "4k is made at 8 seconds only."
    }


@pytest.mark.parametrize(
    ("ref", "asked", "dropped"),
    [
        ("kling/kling-3.0", {"seed": 3, "negative_prompt": "rain"}, ["negative_prompt", "seed"]),
        ("kling/kling-2.5-turbo", {"audio": True}, ["audio"]),
        ("kling/kling-2.5-turbo", {"audio": False}, []),
        (
            "kling/kling-3.0-turbo",
            {"kind": "image_to_video", "image": ASSET, "last_frame": ASSET, "aspect_ratio": "1:1"},
            ["aspect_ratio", "last_frame"],
        ),
        ("google/veo-3.1-generate-001", {"seed": 3}, []),
    ],
)
def test_option_is_dropped_and_listed_when_the_caller_is_lenient(
    ref: str, asked: dict[str, Any], dropped: list[str]
) -> None:
    options, listed = resolve(ref, lenient=True, **asked)

    assert listed == dropped
    assert "last_frame" not in options.inputs


@pytest.mark.parametrize(
    "asked", [{"resolution": "9000p"}, {"duration_s": 99}, {"image": ASSET}, {"last_frame": ASSET}]
)
def test_value_is_refused_even_when_the_caller_is_lenient(asked: dict[str, Any]) -> None:
    assert len(problems("kling/kling-3.0", lenient=True, **asked)) == 1


def _route(**mode: Any) -> tuple[VendorSpec, ModelSpec]:
    found = load_catalogue().find("kling/kling-2.5-turbo")
    assert found
    vendor, model = found
    spec = ModeSpec.model_validate(
        {"resolutions": ["720p"], "durations_s": [5], "audio": [False]} | mode
    )
    return vendor, model.model_copy(update={"modes": {"text_to_video": spec}})


def test_mode_is_refused_when_the_model_lacks_it() -> None:
    vendor, model = _route()
    asked = JobRequest(kind="image_to_video", model="kling/kling-2.5-turbo")  # type: ignore[arg-type]

    with pytest.raises(InvalidRequestError) as caught:
        resolve_options(asked, vendor, model)

    assert [p.pointer for p in caught.value.problems] == ["/kind"]


def test_prompt_may_be_absent_when_the_mode_needs_none() -> None:
    vendor, model = _route(prompt="optional")
    asked = JobRequest(kind="text_to_video", model="kling/kling-2.5-turbo")  # type: ignore[arg-type]

    options, _ = resolve_options(asked, vendor, model)

    assert (options.prompt, options.aspect_ratio) == ("", None)


@pytest.mark.parametrize(
    ("today", "replacement", "words"),
    [
        (dt.date(2026, 1, 2), "kling/kling-3.0", " Use kling/kling-3.0."),
        (dt.date(2026, 1, 3), None, "2026-01-02."),
    ],
)
def test_model_is_refused_where_it_is_named_when_it_has_retired(
    today: dt.date, replacement: str | None, words: str
) -> None:
    vendor, model = _route()
    end = {"retires_on": dt.date(2026, 1, 2), "replacement": replacement}
    model = model.model_copy(update={"lifecycle": model.lifecycle.model_copy(update=end)})
    asked = JobRequest(kind="text_to_video", model="kling/x", prompt="A fox")  # type: ignore[arg-type]

    with pytest.raises(InvalidRequestError) as caught:
        resolve_options(asked, vendor, model, pointer="/fallbacks/0", today=today)

    assert [p.pointer for p in caught.value.problems] == ["/fallbacks/0"]
    assert caught.value.problems[0].detail.endswith(words)
    assert resolve_options(asked, vendor, model, today=dt.date(2026, 1, 1))
    assert resolve_options(asked, vendor, model)


def test_price_is_the_lists_when_options_are_resolved() -> None:
    found = load_catalogue().find("google/veo-3.1-generate-001")
    assert found
    options, _ = resolve("google/veo-3.1-generate-001", duration_s=4)

    assert str(options.price_usd(found[1])) == "1.60"


REFERENCE = {"asset_id": "ast_01J9ZQ3V5M8K2N4P6R7S8T9V0X"}


def test_every_input_is_taken_when_the_mode_names_it() -> None:
    vendor, model = _route(inputs={"video": "required", "references": "optional"})
    body = {"kind": "text_to_video", "model": "kling/x", "prompt": "A fox", "video": ASSET}

    asked = JobRequest.model_validate(body | {"references": [ASSET, REFERENCE]})
    options, _ = resolve_options(asked, vendor, model)
    fewer, _ = resolve_options(JobRequest.model_validate(body), vendor, model)

    assert options.inputs == ("video", "references")
    assert fewer.inputs == ("video",)
    assert [pointer for pointer, _ in asked.input_pointers()] == [
        "/video",
        "/references/0",
        "/references/1",
    ]


def test_inputs_are_refused_when_the_mode_does_not_name_them() -> None:
    found = problems("kling/kling-3.0", video=ASSET, references=[ASSET])

    assert found == {
        "/video": "kling/kling-3.0 takes no video for text_to_video.",
        "/references": "kling/kling-3.0 takes no references for text_to_video.",
    }


def test_references_are_dropped_when_the_request_is_lenient() -> None:
    options, dropped = resolve("kling/kling-3.0", references=[ASSET], lenient=True)

    assert (options.inputs, dropped) == ((), ["references"])


def test_nothing_is_dropped_when_a_lenient_request_gives_no_references() -> None:
    _, dropped = resolve("kling/kling-3.0", lenient=True)

    assert dropped == []
