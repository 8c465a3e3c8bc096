"""Vendors' words are read loosely and kept tidy."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from provider_cases import NOW
from pydantic import Field

from dailies.domain.errors import ConfigurationError
from dailies.providers import _replies
from dailies.providers._replies import (
    Identifier,
    Integer,
    LooseModel,
    Number,
    Objects,
    Text,
    credential,
    parse_json,
    retry_after_s,
    tidy,
)


class Row(LooseModel):
    id: Identifier = ""
    text: Text = ""
    count: Integer = None
    share: Number = 0.0
    rows: Objects = Field(default_factory=list[dict[str, Any]])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("12", 12.0),
        ("1.5", 1.5),
        ("-4", 0.0),
        ("999999", 3600.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Fri, 20 Nov 2026 12:01:00 GMT", 60.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2026 12:01:00 -0000", 60.0),
        ("Fri, 20 Nov 99999999999999999999 12:01:00 GMT", None),
        ("Fri, 20 Nov 2026 12:01:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_bounded_seconds_when_read(value: str | None, expected: Any) -> None:
    assert retry_after_s(value, NOW) == expected


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "1e400", "NaN", "Infinity"])
def test_number_reads_as_absent_when_no_float_holds_it(number: str) -> None:
    row = Row.model_validate(parse_json(b'{"share": %s}' % number.encode()))

    assert row.share == 0


@pytest.mark.parametrize("junk", [None, 7, True, [], {}, "x", 1.5, [1, {}, None], {"a": 1}])
def test_member_reads_as_absent_when_its_type_is_wrong(junk: Any) -> None:
    row = Row.model_validate(dict.fromkeys(Row.model_fields, junk) | {"other": junk})

    assert isinstance(row.id, str)
    assert isinstance(row.text, str)
    assert row.count is None or isinstance(row.count, int)
    assert isinstance(row.share, float)
    assert all(isinstance(one, dict) for one in row.rows)


def test_member_is_kept_when_its_type_fits() -> None:
    row = Row.model_validate(
        {"id": 12, "text": "a", "count": "3", "share": 2, "rows": [{"a": 1}, 7]}
    )

    assert (row.id, row.text, row.count, row.share, row.rows) == ("12", "a", 3, 2.0, [{"a": 1}])


@pytest.mark.parametrize(("given", "read"), [(3.0, 3), (-1.0, -1), (3.5, None), (1e400, None)])
def test_whole_number_is_read_when_it_is_written_with_a_point(given: float, read: Any) -> None:
    assert Row.model_validate({"count": given}).count == read


def test_number_reads_as_zero_when_it_is_not_finite() -> None:
    assert Row(share=float("inf")).share == 0.0


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"nope"])
def test_text_reads_as_nothing_when_it_is_not_json(text: bytes) -> None:
    assert parse_json(text) is None


def test_broken_off_text_is_read_when_asked_for() -> None:
    assert parse_json(b'{"a":1,"b":[{"c":"d"', partial=True) == {"a": 1, "b": [{"c": "d"}]}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (None, ""),
        (["a"], ""),
        ("  a\n\tb\x00c ", "a b c"),
        ("see https://x.example/a?sig=1 now", "see <url> now"),
        ("from gs://bucket/name", "from <url>"),
        ("key " + "A1b2" * 12, "key ***"),
        ("my-key is wrong", "*** is wrong"),
        ("word " * 200, ("word " * 100)),
    ],
)
def test_vendor_words_are_fit_to_keep_when_tidied(words: Any, expected: str) -> None:
    assert tidy(words, "my-key", "") == expected


def test_credential_is_stripped_when_it_has_spaces_around() -> None:
    assert credential({"key": " abc\n"}, "key", "acme") == "abc"


@pytest.mark.parametrize("value", [None, "", " ", "a\nb", "schlüssel", 7])
def test_credential_is_refused_unquoted_when_no_header_may_hold_it(value: Any) -> None:
    secret: Any = {} if value is None else {"key": value}

    with pytest.raises(ConfigurationError) as caught:
        credential(secret, "key", "acme")

    assert str(caught.value) == "The secret providers/acme needs a usable 'key'."


def test_reply_hides_its_content_when_shown() -> None:
    reply = _replies.Reply(200, _headers(), b"very-secret", dt.datetime.now(dt.UTC))

    assert "secret" not in repr(reply)


def _headers() -> Any:
    import httpx

    return httpx.Headers({"set-cookie": "secret"})
