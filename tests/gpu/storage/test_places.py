from __future__ import annotations

from pathlib import Path

import pytest

from enhance.errors import BadInputError
from enhance.storage.places import item, store


def test_key_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    uri = "s3://bucket/a+b/c%20d/e?f#g ü.mp4"
    assert item(uri).uri == uri
    assert item(uri).name == "e?f#g ü.mp4"


def test_file_uri_is_percent_decoded(tmp_path: Path) -> None:
    assert item(f"file://{tmp_path}/a%20b.mp4").uri == f"{tmp_path}/a b.mp4"


@pytest.mark.parametrize("name", ["-x.mp4", "a b.mp4", "ü+%41.mp4"])
def test_path_is_taken_as_it_is(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert item(name).uri == f"{tmp_path}/{name}"


@pytest.mark.parametrize(
    "uri",
    ["https://host/x.mp4", "s3:///key", "s3://bucket/folder/", "file://host/x", "folder/", "a\0b"],
)
def test_uri_is_refused_when_it_is_of_no_known_form(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with pytest.raises(BadInputError) as caught:
        item(uri)
    assert caught.value.code == "bad_uri"


def test_prefix_ends_with_a_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert store("s3://bucket/a/b").uri("c.json") == "s3://bucket/a/b/c.json"
    assert store("s3://bucket/a/b/").uri("c.json") == "s3://bucket/a/b/c.json"
    assert store(str(tmp_path)).uri("c.json") == f"{tmp_path}/c.json"
