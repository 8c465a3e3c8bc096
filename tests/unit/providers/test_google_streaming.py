"""A poll of an inline result holds no media and stops as early as it can."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_cases import build

from dailies.domain.outcomes import Blocked, Failed, Handle, PollOutcome, Succeeded
from dailies.providers._long_strings import LongStringFilter

MEGABYTE = 1 << 20
PIECE = 64 * 1024
HANDLE = Handle(vendor="google", data={"operation": "projects/p/operations/1", "model": "veo"})
BYTES_AT = ["response", "videos", 0, "bytesBase64Encoded"]


class Body(httpx.SyncByteStream):
    """`head`, then megabytes of base64, then `tail`; counts what was taken."""

    def __init__(self, head: str, tail: str, megabytes: int) -> None:
        self.head, self.tail, self.megabytes = head.encode(), tail.encode(), megabytes
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        self.sent += len(self.head)
        yield self.head
        for _ in range(self.megabytes * MEGABYTE // PIECE):
            self.sent += PIECE
            yield b"QUJD" * (PIECE // 4)
        yield self.tail


def poll(head: str, tail: str, megabytes: int = 30) -> tuple[PollOutcome, Body]:
    body = Body(head, tail, megabytes)
    provider, _ = build("google", [httpx.Response(200, stream=body)])
    return provider.poll(HANDLE), body


def test_reading_stops_when_done_and_a_video_were_seen() -> None:
    head = '{"name":"x","done":true,"response":{"raiMediaFilteredCount":0,"videos":[{"mimeType":'
    head += '"video/mp4","bytesBase64Encoded":"'

    outcome, body = poll(head, '"}]}}')

    assert isinstance(outcome, Succeeded)
    assert outcome.outputs[0].data["path"] == BYTES_AT
    assert body.sent < 200_000


@pytest.mark.parametrize(
    "tail",
    [
        '","mimeType":"video/mp4"}],"raiMediaFilteredCount":0},"done":true,"name":"x"}',
        '"}]},\n "name": "a \\" quote", "done": true }',
    ],
)
def test_video_is_read_past_when_done_comes_last(tail: str) -> None:
    outcome, body = poll('{"response":{"videos":[{"bytesBase64Encoded":"', tail)

    assert isinstance(outcome, Succeeded)
    assert outcome.outputs[0].data["path"] == BYTES_AT
    assert body.sent > 30 * MEGABYTE


def test_block_in_part_is_seen_when_it_comes_after_the_video() -> None:
    tail = '"}],"raiMediaFilteredCount":1,"raiMediaFilteredReasons":["no"]},"done":true}'

    outcome, _ = poll('{"response":{"videos":[{"bytesBase64Encoded":"', tail)

    assert isinstance(outcome, Blocked)


def test_memory_stays_small_when_the_video_is_large() -> None:
    body = Body('{"response":{"videos":[{"bytesBase64Encoded":"', '"}]},"done":true}', 30)
    provider, _ = build("google", [httpx.Response(200, stream=body)])
    tracemalloc.start()
    try:
        provider.poll(HANDLE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2 * MEGABYTE


def test_outcome_is_failed_when_the_long_string_is_no_video() -> None:
    outcome, _ = poll('{"done":true,"response":{"log":"', '"}}', megabytes=1)

    assert isinstance(outcome, Failed)


def test_nothing_is_found_out_when_the_reply_is_long_junk() -> None:
    from dailies.domain.errors import ProviderUnavailableError

    class Digits(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"done":true,"n":['
            while True:
                yield b"1," * 10_000

    provider, _ = build("google", [httpx.Response(200, stream=Digits())])

    with pytest.raises(ProviderUnavailableError):
        provider.poll(HANDLE)


def filtered(text: bytes, sizes: list[int], limit: int) -> bytes:
    strings = LongStringFilter(limit)
    out, position = bytearray(), 0
    for size in sizes:
        out += strings.feed(text[position : position + size])
        position += size
    return bytes(out + strings.feed(text[position:]))


@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    sizes=st.lists(st.integers(1, 7)),
    ascii_only=st.booleans(),
)
def test_text_is_unchanged_when_its_strings_are_short(
    document: Any, sizes: list[int], ascii_only: bool
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    assert filtered(text, sizes, limit=10_000) == text


@given(value=st.text(min_size=30), sizes=st.lists(st.integers(1, 7)), after=st.text(max_size=5))
def test_string_is_left_out_when_it_is_long(value: str, sizes: list[int], after: str) -> None:
    text = json.dumps({"a": value, "b": after}).encode()

    left = json.loads(filtered(text, sizes, limit=40 if len(after) > 0 else 25))

    assert left["a"] == "(left out)" or left["a"] == value
    assert left["b"] == after or len(json.dumps(after)) > 25


def test_string_is_left_out_exactly_when_it_exceeds_the_limit() -> None:
    at_limit, over = "x" * 18, "x" * 19

    assert json.loads(filtered(json.dumps([at_limit]).encode(), [], 20)) == [at_limit]
    assert json.loads(filtered(json.dumps([over]).encode(), [], 20)) == ["(left out)"]
