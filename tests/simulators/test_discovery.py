"""Simulators are found by their vendors' names."""

from __future__ import annotations

import pytest

from dailies.domain.catalogue import load_catalogue
from dailies.providers import names
from local.simulators import Simulators
from local.simulators.discovery import ports_in_a_row, simulated, simulator_of
from local.twin.ports import SIMULATOR_PORTS

VENDORS = load_catalogue().vendors


def test_every_provider_has_a_simulator_when_it_is_looked_up_by_name() -> None:
    assert set(names()) <= set(simulated(VENDORS))
    assert [simulator_of(name).name for name in names()] == list(names())


def test_port_is_kept_for_each_server_when_they_stand_in_a_row() -> None:
    assert ports_in_a_row(["kling", "google", "nobody"]) == 5


def test_twin_keeps_enough_ports_when_every_vendor_has_a_simulator() -> None:
    assert ports_in_a_row(VENDORS) <= SIMULATOR_PORTS, "Raise it in local/twin/ports.py."


def test_missing_module_is_named_when_a_vendor_has_no_simulator() -> None:
    with pytest.raises(LookupError, match=r"no local/simulators/sketchmill\.py"):
        simulator_of("sketchmill")


def test_module_is_refused_when_it_holds_no_simulator() -> None:
    with pytest.raises(LookupError, match="must hold one VendorSimulator"):
        simulator_of("clips")


def test_simulator_is_an_attribute_when_it_runs() -> None:
    with Simulators(clip_scale=0.1) as sims:
        assert sims.kling is sims.vendors["kling"]
        with pytest.raises(AttributeError, match="nobody"):
            _ = sims.nobody
