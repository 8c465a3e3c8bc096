"""Two emulators for this folder: ours, and MiniStack without our corrections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.emulator.process import Emulator
from tests.emulator.cloud import Cloud

SPEED = 20.0


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with Emulator(speed=SPEED) as emulator:
        yield Cloud(emulator)


@pytest.fixture(scope="session")
def uncorrected() -> Iterator[Cloud]:
    with Emulator(speed=SPEED, corrected=False) as emulator:
        yield Cloud(emulator)
