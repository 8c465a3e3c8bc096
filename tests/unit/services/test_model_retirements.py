"""The alarm's list: who retires within the notice, and nobody else."""

from __future__ import annotations

import datetime as dt

import pytest

from dailies.domain.catalogue import Catalogue, Lifecycle, load_catalogue
from dailies.services.model_retirements import Retirement, retiring

TODAY = dt.date(2026, 11, 21)


def dated(*days: int | None) -> Catalogue:
    """Return a catalogue whose one vendor's models retire in so many days."""
    kling = load_catalogue().vendor("kling")
    model = kling.models[0]
    models = [
        model.model_copy(
            update={
                "id": f"model-{i}",
                "lifecycle": Lifecycle(
                    retires_on=None if day is None else TODAY + dt.timedelta(days=day),
                    replacement="kling/kling-3.0",
                ),
            }
        )
        for i, day in enumerate(days)
    ]
    return Catalogue(vendors={"kling": kling.model_copy(update={"models": models})})


@pytest.mark.parametrize(
    ("day", "listed"), [(31, False), (30, True), (1, True), (0, False), (-1, False), (None, False)]
)
def test_model_is_listed_when_it_retires_within_the_notice(day: int | None, listed: bool) -> None:
    assert bool(retiring(dated(day), TODAY)) is listed


def test_next_to_retire_comes_first_when_there_are_several() -> None:
    found = retiring(dated(20, 7, 60), TODAY, within_days=30)

    assert [(one.model, one.in_days) for one in found] == [
        ("kling/model-1", 7),
        ("kling/model-0", 20),
    ]
    assert found[0] == Retirement(
        model="kling/model-1",
        retires_on=dt.date(2026, 11, 28),
        in_days=7,
        replacement="kling/kling-3.0",
    )


def test_notice_is_longer_when_asked() -> None:
    assert [one.in_days for one in retiring(dated(60), TODAY, within_days=60)] == [60]


def test_veo_of_the_developer_api_was_listed_a_month_before_its_end() -> None:
    month_before = dt.date(2026, 9, 22)

    found = {one.model: one for one in retiring(load_catalogue(), month_before)}

    veo = found["gemini/veo-3.1-generate-preview"]
    assert (veo.in_days, veo.replacement) == (30, "gemini/gemini-omni-1.1-flash")
    assert "openai/sora-2" in found and "bedrock/amazon.nova-reel-v1:1" in found
