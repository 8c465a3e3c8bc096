"""A run of simulators with small clips and a clock that the test moves."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from local.simulators import ManualClock, Scenario, Simulators

StartSimulators = Callable[..., Simulators]


@pytest.fixture
def start() -> Iterator[StartSimulators]:
    """Start simulators that stop when the test ends: `start(rules=[...], kling={...})`."""
    started: list[Simulators] = []

    def begin(*, manual: bool = True, speed: float = 1.0, **scenario: Any) -> Simulators:
        simulators = Simulators(
            Scenario.model_validate(scenario),
            clock=ManualClock() if manual else None,
            clip_scale=0.1,
            speed=speed,
        )
        simulators.start()
        started.append(simulators)
        return simulators

    yield begin
    for simulators in started:
        simulators.stop()


@pytest.fixture
def connect() -> Iterator[Callable[[Simulators], httpx.Client]]:
    """Open an authorized client of the Kling simulator."""
    clients: list[httpx.Client] = []

    def kling(simulators: Simulators, **headers: str) -> httpx.Client:
        key = {"Authorization": f"Bearer {simulators.kling.credentials['api_key']}"}
        client = httpx.Client(
            base_url=simulators.kling.base_url, headers=key | headers, timeout=10, trust_env=False
        )
        clients.append(client)
        return client

    yield kling
    for client in clients:
        client.close()


@pytest.fixture
def png() -> Callable[[int, int], bytes]:
    """Draw a PNG of a size."""

    def draw(width: int, height: int) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (width, height), "teal").save(buffer, "PNG")
        return buffer.getvalue()

    return draw
