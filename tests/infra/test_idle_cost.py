"""What each stage costs while nobody uses it, from its real templates."""

from __future__ import annotations

from tests.infra.conftest import Stage
from tools.deploy.prices import idle_cost, unknown_types

MOST_USD_A_MONTH = 40


def test_every_type_has_a_price_when_a_stage_is_synthesized(stage: Stage) -> None:
    assert unknown_types([stage.data.body, stage.pipeline.body]) == []


def test_a_stage_stays_cheap_when_it_is_idle(stage: Stage) -> None:
    items = idle_cost([stage.data.body, stage.pipeline.body])

    assert 0 < sum(item.usd for item in items) < MOST_USD_A_MONTH
