"""Addresses that no webhook can ever be delivered to, told by their spelling alone."""

from __future__ import annotations

import pytest

from dailies.adapters.webhook_addresses import webhook_check
from dailies.domain.errors import FetchRefusedError

LAPTOP = ("127.0.0.1:8123", "[::1]:8123", "localhost:80")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/dailies?token=1#part",
        "HTTPS://hooks.example.com:443/x",
        "https://hooks.example.com./x",
        "https://bücher.example/x",
        "https://93.184.216.34/x",
        "https://[2606:4700::1111]/x",
        "https://hooks.example.com/a@b",
    ],
)
def test_address_is_taken_when_it_may_be_public(url: str) -> None:
    webhook_check(())(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "https://hooks.example.com:8443/x",
        "https://hooks.example.com:80/x",
        "https://user@hooks.example.com/x",
        "https://user:word@hooks.example.com/x",
        "https://@hooks.example.com/x",
        "https://localhost/x",
        "https://LOCALHOST./x",
        "https://web.localhost/x",
        "https://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[3fff::1]/x",
        "https://0x7f.1/x",
        "https://2130706433/x",
        "https://a..b/x",
        "https://hooks.example.com:99999/x",
        "https://[half/x",
        "https:///x",
        "https://?",
        "ftp://hooks.example.com/x",
        "https://" + "a" * 64 + ".example/x",
    ],
)
def test_address_is_refused_when_nothing_can_be_sent_there(url: str) -> None:
    with pytest.raises(FetchRefusedError):
        webhook_check(LAPTOP)(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8123/x", "http://[::1]:8123/x", "http://localhost/x"]
)
def test_address_is_taken_when_the_stage_allows_it(url: str) -> None:
    webhook_check(LAPTOP)(url)


def test_user_data_is_refused_when_the_stage_allows_the_host() -> None:
    with pytest.raises(FetchRefusedError):
        webhook_check(LAPTOP)("http://user@127.0.0.1:8123/x")


def test_refusal_does_not_tell_the_address_when_it_may_hold_a_token() -> None:
    with pytest.raises(FetchRefusedError) as caught:
        webhook_check(())("http://hooks.example.com/x?token=do-not-tell")

    assert "do-not-tell" not in str(caught.value)
