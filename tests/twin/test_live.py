"""What `make serve LIVE=…` takes from the shell, and says before it spends."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from local.emulator.settings import inherited_environment
from local.serve.live import VARIABLES, read_live, warning
from local.twin.errors import TwinError

GOOD = {"LIVE": "kling", "MAX_COST": "5", "KLING_API_KEY": "a-key"}


def nobody(prompt: str) -> str:
    return ""


def test_everything_is_simulated_when_no_vendor_is_named() -> None:
    assert read_live({"KLING_API_KEY": "a-key", "MAX_COST": "5"}, nobody) is None


def test_vendor_is_real_with_its_key_and_cap_when_it_is_named() -> None:
    live = read_live(GOOD, nobody)

    assert live is not None
    assert (live.vendor, live.max_cost_usd) == ("kling", Decimal(5))
    assert live.credentials == {"api_key": "a-key"}
    assert "a-key" not in repr(live)


@pytest.mark.parametrize("cost", ["", "five", "0", "-1", "inf", "nan"])
def test_nothing_is_started_when_the_cap_is_no_amount(cost: str) -> None:
    with pytest.raises(TwinError, match="MAX_COST"):
        read_live(GOOD | {"MAX_COST": cost}, nobody)


def test_vendors_are_named_when_there_is_none_of_that_name() -> None:
    with pytest.raises(TwinError, match="gemini, google, kling"):
        read_live(GOOD | {"LIVE": "acme"}, nobody)


def test_key_is_asked_for_when_no_variable_holds_it() -> None:
    environment = {"LIVE": "kling", "MAX_COST": "5"}

    live = read_live(environment, lambda prompt: "typed ")

    assert live is not None and live.credentials == {"api_key": "typed"}
    with pytest.raises(TwinError, match="KLING_API_KEY"):
        read_live(environment, nobody)


def test_key_file_is_read_when_a_variable_names_it(tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text('{"type": "service_account"}')
    environment = {"LIVE": "google", "MAX_COST": "5", "GOOGLE_BUCKET": "clips"}

    live = read_live(environment | {"GOOGLE_SERVICE_ACCOUNT": str(key)}, nobody)

    assert live is not None
    assert live.credentials == {"service_account": key.read_text(), "bucket": "clips"}
    with pytest.raises(TwinError, match="GOOGLE_SERVICE_ACCOUNT"):
        read_live(environment | {"GOOGLE_SERVICE_ACCOUNT": str(tmp_path / "none")}, nobody)


def test_vendor_price_and_cap_are_said_before_anything_is_ordered() -> None:
    live = read_live(GOOD, nobody)
    assert live is not None

    said = "\n".join(warning(live))

    assert "kling is REAL" in said
    assert "https://" in said
    assert "kling/kling-3.0-turbo: $" in said
    assert "$5 in all" in said
    assert "a-key" not in said


def test_no_vendor_variable_reaches_a_child_when_the_shell_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {name for variables in VARIABLES.values() for name in variables.values()}
    for name in names | {"LIVE", "MAX_COST", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"}:
        monkeypatch.setenv(name, "secret")

    assert "secret" not in inherited_environment().values()
