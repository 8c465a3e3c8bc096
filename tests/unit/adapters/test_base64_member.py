"""The streaming reader of one base64 string in a JSON reply."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dailies.adapters.base64_member import base64_member
from dailies.domain.errors import AssetError, FetchBrokenError

PATH = ("response", "videos", 0, "bytesBase64Encoded")


def reply(video: str, **extra: object) -> dict[str, object]:
    return {"name": "op", **extra, "response": {"videos": [{"bytesBase64Encoded": video}]}}


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    return chunks


def read(
    text: str | bytes, path: tuple[str | int, ...] = PATH, sizes: list[int] | None = None
) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return b"".join(base64_member(cut(data, sizes or [7]), path))


@given(
    data=st.binary(max_size=300),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    indent=st.sampled_from([None, 2]),
    url_safe=st.booleans(),
    padded=st.booleans(),
)
def test_bytes_come_back_whole_when_the_reply_is_cut_anywhere(
    data: bytes, sizes: list[int], indent: int | None, url_safe: bool, padded: bool
) -> None:
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    text = encode(data).decode()
    video = text if padded else text.rstrip("=")
    body = json.dumps(
        reply(video, note='a "quoted" }{ ][ \\ text', n=[1, {"a": [2.5, None]}]), indent=indent
    )
    assert read(body, sizes=sizes) == data


@given(st.data())
def test_member_is_found_wherever_it_stands_in_any_document(data: st.DataObject) -> None:
    keys = st.text(max_size=4)
    values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=10,
    )
    around = data.draw(st.dictionaries(keys, values, max_size=4))
    before = data.draw(st.lists(values, max_size=3))
    members = list(around.items())
    wanted = [*before, {"x": data.draw(values), "b": "aGk="}]
    members.insert(data.draw(st.integers(0, len(members))), ("wanted!", wanted))
    body = json.dumps(dict(members))
    assert read(body, ("wanted!", len(before), "b")) == b"hi"


def test_escapes_are_undone_when_the_vendor_escapes_its_base64() -> None:
    data = random.Random(1).randbytes(600)
    text = base64.b64encode(data).decode()
    escaped = text.replace("/", "\\/").replace("+", "\\u002b").replace("=", "\\u003D")
    assert read(json.dumps(reply("@")).replace("@", escaped)) == data


def test_line_breaks_inside_the_base64_are_passed_over() -> None:
    assert read(json.dumps(reply("aGVs\r\nbG8g\r\nd29ybGQ=\r\n"))) == b"hello world"


def test_memory_stays_small_when_strings_are_huge() -> None:
    piece = base64.b64encode(b"x" * 3 * 1024)

    def chunks() -> object:
        yield b'{"skipped": "'
        yield from (b"y" * 65_536 for _ in range(200))
        yield b'", "response": {"videos": [{"bytesBase64Encoded": "'
        yield from (piece for _ in range(500))
        yield b'"}]}}'

    sizes = [len(part) for part in base64_member(chunks(), PATH)]  # type: ignore[arg-type]
    assert sum(sizes) == 500 * 3 * 1024
    assert max(sizes) <= 3 * 1024


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"response": {}}',
        '{"response": null}',
        '{"response": []}',
        '{"response": {"videos": []}}',
        '{"response": {"videos": {}}}',
        '{"response": {"videos": [{"gcsUri": "gs://b/o"}]}}',
        '{"response": {"videos": [{"bytesBase64Encoded": 7}]}}',
        '{"response": {"videos": [{"bytesBase64Encoded": "\\uZZZZ"}]}}',
        "[]",
        "not json at all",
        '{response: {"videos": []}}',
        '{"response" "videos"}',
    ],
)
def test_video_is_missing_when_the_reply_has_no_such_string(body: str) -> None:
    with pytest.raises(AssetError) as caught:
        read(body)
    assert caught.value.reason == "missing"


@pytest.mark.parametrize("text", ["a", "aGk=aGk=", "aGk*", "a===", "QQ==QQ", "héé="])
def test_file_has_the_wrong_type_when_the_string_is_not_base64(text: str) -> None:
    with pytest.raises(AssetError) as caught:
        read(json.dumps(reply(text), ensure_ascii=False))
    assert caught.value.reason == "wrong_type"


@pytest.mark.parametrize("end", range(1, 70, 4))
def test_download_is_broken_when_the_reply_ends_early(end: int) -> None:
    body = json.dumps(reply("aGVsbG8gd29ybGQ="))
    whole = body.index('="') + 1
    with pytest.raises(FetchBrokenError):
        read(body[: min(end, whole)])
