"""Looking things up in the catalogue."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from dailies.domain.catalogue import Lifecycle, load_catalogue
from dailies.domain.errors import ConfigurationError

CATALOGUE = load_catalogue()


def test_model_is_found_by_its_reference() -> None:
    found = CATALOGUE.find("kling/kling-3.0")
    assert found is not None
    assert (found[0].vendor, found[1].id) == ("kling", "kling-3.0")


@pytest.mark.parametrize("ref", ["kling/none", "none/kling-3.0", "kling", ""])
def test_nothing_is_found_when_there_is_no_such_model(ref: str) -> None:
    assert CATALOGUE.find(ref) is None


def test_route_is_a_fault_of_the_stage_when_the_catalogue_has_lost_it() -> None:
    assert CATALOGUE.route("kling", "kling-3.0")[1].id == "kling-3.0"
    with pytest.raises(ConfigurationError, match="no vendor 'none'"):
        CATALOGUE.route("none", "kling-3.0")
    with pytest.raises(ConfigurationError, match="no model kling/none"):
        CATALOGUE.route("kling", "none")


def test_vendor_can_be_left_out() -> None:
    fewer = CATALOGUE.without({"google"})
    assert fewer.find("google/veo-3.1-generate-001") is None
    assert fewer.find("kling/kling-3.0") is not None


def test_price_follows_from_the_options() -> None:
    _, model = CATALOGUE.route("kling", "kling-3.0")
    assert model.price_usd(resolution="720p", audio=False, duration_s=5) == Decimal("0.42")
    with pytest.raises(ConfigurationError, match="no price"):
        model.price_usd(resolution="8k", audio=False, duration_s=5)


def test_model_is_retired_from_its_day_on() -> None:
    day = dt.date(2026, 11, 20)
    assert Lifecycle(retires_on=day).retired(day)
    assert not Lifecycle(retires_on=day).retired(day - dt.timedelta(days=1))
    assert not Lifecycle().retired(day)
