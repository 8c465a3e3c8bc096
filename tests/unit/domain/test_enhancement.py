"""Ids, prefixes, prices, reports and analyses of enhancement."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.assets import Finding, Quality
from dailies.domain.compute_prices import Clip, cost_usd, load_compute_prices, work_s
from dailies.domain.enhance_options import EnhanceOptions
from dailies.domain.enhancement import (
    TASK_ID,
    parse_task_id,
    parse_task_key,
    task_id,
    task_prefix,
)
from dailies.domain.quality import quality_of

JOB_ID = "job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P"
HD = Clip(1280, 720, 24.0, 10.0)
PRICES = load_compute_prices()


def seconds(*stages: dict[str, Any], device: Any = "cpu", clip: Clip = HD) -> float:
    return work_s(EnhanceOptions.model_validate({"stages": stages}), clip, device, PRICES)


def test_task_id_leads_back_to_its_job() -> None:
    name = task_id(JOB_ID, 12)

    assert TASK_ID.fullmatch(name)
    assert parse_task_id(name) == (JOB_ID, 12)
    assert len(name) <= 80, "it names an execution"


@pytest.mark.parametrize("value", ["enh_x-1", f"{JOB_ID}-1", task_id(JOB_ID, 1) + "0" * 3, ""])
def test_other_words_are_no_task_id(value: str) -> None:
    assert parse_task_id(value) is None


def test_key_tells_whose_task_it_is() -> None:
    key = task_prefix("acme", JOB_ID, task_id(JOB_ID, 1)) + "progress.json"

    found = parse_task_key(key)

    assert found == ("acme", JOB_ID, task_id(JOB_ID, 1), "progress.json")
    assert parse_task_key("outputs/acme/x.mp4") is None


def test_cost_is_time_by_price() -> None:
    assert cost_usd(Decimal("0.36"), 3600) == Decimal("0.3600")
    assert cost_usd(Decimal("0.36"), 10) == Decimal("0.0010")
    assert cost_usd(Decimal("0.36"), -1) == 0


@pytest.mark.parametrize("kind", ["batch", "sagemaker", "workers"])
@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_every_compute_has_its_price(kind: Any, device: Any) -> None:
    machine = PRICES.machine(kind, device)

    assert machine.start_s > 0
    assert (machine.usd_per_hour == 0) == (kind == "workers"), "workers are machines of one's own"


def test_more_work_takes_longer() -> None:
    once = seconds({"name": "sr", "scale": 2})

    assert seconds({"name": "sr", "scale": 2}, device="cuda") < once
    assert seconds({"name": "sr", "scale": 4}) > 4 * once
    assert seconds({"name": "sr", "height": 1440}) == pytest.approx(once)
    assert seconds({"name": "deinterlace"}, {"name": "sr"}) > once
    assert seconds({"name": "denoise"}, {"name": "sr"}) > once
    assert seconds({"name": "interpolate"}, {"name": "sr"}) > 2 * once
    assert seconds({"name": "interpolate", "fps": 48}) == pytest.approx(
        seconds({"name": "interpolate", "factor": 2})
    )
    own = {"file": "x.pth", "sha256": "a" * 64}
    assert seconds({"name": "sr", "model": own}) > 10 * once
    assert seconds({"name": "convert"}) < once


def test_enhancing_to_a_smaller_height_is_still_work() -> None:
    assert seconds({"name": "sr", "height": 360}) > 0


def test_analysis_is_read_for_what_a_person_wants_to_know() -> None:
    verdict = {"code": "soft", "level": "warn", "message": "Soft.", "measured": 1, "threshold": 4}
    analysis = {
        "v": 9,
        "pictures": {"black": {"total_s": 1.5}, "duplicates": 3, "sharpness": 1.0, "new": 1},
        "sound": {"integrated_lufs": -23.0},
        "verdicts": [verdict],
    }

    found = quality_of(analysis)

    assert found == Quality(
        black_s=1.5,
        duplicates=3,
        sharpness=1.0,
        loudness_lufs=-23.0,
        findings=[Finding(code="soft", level="warn", message="Soft.")],
    )


@pytest.mark.parametrize("analysis", [None, {"verdicts": "none"}, {"pictures": 1}])
def test_analysis_that_cannot_be_read_tells_nothing(analysis: Any) -> None:
    assert quality_of(analysis) is None


def test_silent_video_has_no_loudness() -> None:
    assert quality_of({"sound": None}) == Quality()
