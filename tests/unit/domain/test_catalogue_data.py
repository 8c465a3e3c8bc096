"""The catalogue holds together: whatever may be asked has a price, and no rule is a dead end."""

from __future__ import annotations

from itertools import product

import pytest

from dailies.domain.catalogue import Input, ModelSpec, VendorSpec, load_catalogue
from dailies.domain.errors import InvalidRequestError
from dailies.domain.jobs import AssetRef, JobRequest
from dailies.domain.options import resolve_options

ROUTES = [
    pytest.param(vendor, model, id=f"{vendor.vendor}/{model.id}")
    for vendor in load_catalogue().vendors.values()
    for model in vendor.models
]
ASSET = AssetRef(asset_id="ast_01J9ZQ3V5M8K2N4P6R7S8T9V0W")


@pytest.mark.parametrize(("vendor", "model"), ROUTES)
def test_every_allowed_combination_has_a_price(vendor: VendorSpec, model: ModelSpec) -> None:
    allowed = 0
    for kind, mode in model.modes.items():
        inputs = [name for name, need in mode.inputs.items() if need == "required"]
        for resolution, duration, audio in product(mode.resolutions, mode.durations_s, mode.audio):
            asked = JobRequest.model_validate(
                {
                    "kind": kind,
                    "model": f"{vendor.vendor}/{model.id}",
                    "prompt": "A fox",
                    "resolution": resolution,
                    "duration_s": duration,
                    "audio": audio,
                }
                | {name: [ASSET] if name is Input.REFERENCES else ASSET for name in inputs}
            )
            try:
                options, _ = resolve_options(asked, vendor, model)
            except InvalidRequestError:
                continue
            allowed += 1
            assert options.price_usd(model) > 0
    assert allowed


@pytest.mark.parametrize(("vendor", "model"), ROUTES)
def test_numbers_are_in_order(vendor: VendorSpec, model: ModelSpec) -> None:
    assert 0 < model.latency_s.q02 < model.latency_s.p50 < model.latency_s.p95
    assert model.concurrency > 0
    assert model.prompt_max_chars > 0
    assert vendor.acceptance_s >= vendor.submit_timeout_s


@pytest.mark.parametrize(("vendor", "model"), ROUTES)
def test_every_name_in_a_constraint_is_an_option(vendor: VendorSpec, model: ModelSpec) -> None:
    known = {"resolution", "duration_s", "aspect_ratio", "audio", "seed", *Input}

    for mode in model.modes.values():
        for rule in mode.constraints:
            assert set(rule.when) | set(rule.then) <= known
            assert rule.reason.endswith(".")


def test_file_name_is_the_vendors_name() -> None:
    for name, vendor in load_catalogue().vendors.items():
        assert name == vendor.vendor
