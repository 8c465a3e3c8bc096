"""What keys say, and that no key leads anywhere but to its own tenant's outbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dailies.domain.inbox import (
    Place,
    Role,
    UploadRefusedError,
    check_name,
    outbox_key,
    place_of,
    quarantine_key,
)

JOB = "job_01K3Z5N8Q4T7W2X9Y6V1B0C3D5"


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("cat.png", Role.IMAGE),
        ("a/b/CAT.JPEG", Role.IMAGE),
        ("cat.webp", Role.IMAGE),
        ("cat.png.json", Role.SIDECAR),
        ("cat.PNG.JSON", Role.SIDECAR),
        ("cat.json", Role.BODY),
        ("story.txt.json", Role.BODY),
        ("cat.png.json.json", Role.BODY),
        ("story.txt", Role.TEXT),
        ("story.MD", Role.TEXT),
        ("_defaults.json", Role.DEFAULTS),
        ("a/_defaults.json", Role.DEFAULTS),
        ("_Defaults.json", Role.INPUT),
        ("_stock/cat.png", Role.INPUT),
        ("_cat.png", Role.INPUT),
        ("clip.mp4", Role.INPUT),
        ("archive.zip", Role.OTHER),
        ("cat", Role.OTHER),
        ("folder/", Role.FOLDER),
    ],
)
def test_name_says_what_an_object_is_for_when_it_is_read(path: str, role: Role) -> None:
    place = place_of(f"inbox/acme/{path}")

    assert place is not None
    assert (place.tenant, place.path, place.role) == ("acme", path, role)


@pytest.mark.parametrize(
    "key",
    [
        *("", "inbox", "inbox/", "inbox/cat.png", "inbox//cat.png", "inbox/acme", "inbox/acme/"),
        *("outbox/acme/cat.png", "Inbox/acme/cat.png", "/inbox/acme/cat.png"),
        *("inbox/ACME/cat.png", "inbox/../acme/x", "inbox/a b/x", "inbox/-a/x", "inbox/é/x"),
        f"inbox/{'a' * 64}/x",
        "inbox/acme\n/x",
    ],
)
def test_key_is_let_be_when_it_names_no_tenant(key: str) -> None:
    assert place_of(key) is None


@pytest.mark.parametrize(
    "path",
    [
        *("../x.png", "a/../x.png", "./x.png", "a//x.png", "/x.png", "a\\x.png", "a/..", ".."),
        *("a\x00.png", "a\n.png", "a\x7f.png", "a\x85.png", "a\u2028.png", "gnp.\u202eexe.png"),
        *("a/" * 16 + "x.png", "a" * 901, "é" * 451),
    ],
)
def test_name_is_refused_when_it_cannot_stand_elsewhere(path: str) -> None:
    place = Place(f"inbox/acme/{path}", "acme", path)

    with pytest.raises(UploadRefusedError) as refused:
        check_name(place)
    assert refused.value.reason == "unsafe_name"
    assert outbox_key(place, "problem.json").startswith("outbox/acme/_refused/")


@pytest.mark.parametrize(
    "path",
    [
        "a b.png",
        "a+b%20c.png",
        "Überraschung.png",
        "猫.png",
        "👩‍👩‍👧.png",
        "a'\"&<>.png",
        "..a.png",
    ],
)
def test_name_is_taken_as_it_is_when_it_is_merely_unusual(path: str) -> None:
    place = place_of(f"inbox/acme/{path}")

    assert place is not None
    check_name(place)
    assert outbox_key(place, "mp4", job_id=JOB) == f"outbox/acme/{path}.{JOB}.mp4"


def test_folders_are_listed_from_the_top_when_defaults_are_looked_for() -> None:
    place = place_of("inbox/acme/a/b/cat.png")

    assert place is not None
    assert place.folders == ("inbox/acme/", "inbox/acme/a/", "inbox/acme/a/b/")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=1100))
def test_written_keys_stay_in_their_own_prefix_when_the_name_is_anything(path: str) -> None:
    place = place_of(f"inbox/acme/{path}")
    if place is None:
        return

    for key in (
        outbox_key(place, "2.mp4", job_id=JOB),
        outbox_key(place, "problem.json", job_id=JOB),
        quarantine_key(place, "v" * 32),
    ):
        assert key.startswith(("outbox/acme/", "quarantine/acme/"))
        assert len(key.encode()) <= 1024


@given(st.lists(st.sampled_from([*"abc_./", ".png", ".json", "..", "é"]), max_size=12))
def test_role_is_one_and_the_same_when_a_key_is_read_again(parts: list[str]) -> None:
    key = "inbox/acme/" + "".join(parts)
    first, again = place_of(key), place_of(key)

    assert first == again
    if first is not None and first.role is Role.SIDECAR:
        assert place_of(first.picture_key + ".json") == first
