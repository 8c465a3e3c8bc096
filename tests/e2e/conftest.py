"""One twin for the whole suite; on failure, what the functions said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.twin.api import Api
from local.twin.twin import Access, Twin
from tests.e2e.crew import Crew

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / ".local" / "e2e"
_LOG_LINES = 60


@pytest.fixture(scope="session")
def twin() -> Iterator[Twin]:
    """The deployed stacks, with IAM enforced; waits and vendors run 20 times as fast."""
    for stale in _FOLDER.glob("aws/*.log"):
        stale.unlink()
    with Twin(_FOLDER, speed=20, scenario=Path(__file__).with_name("scenario.json")) as twin:
        yield twin


@pytest.fixture(scope="session")
def access(twin: Twin) -> Access:
    return twin.issue("acme")


@pytest.fixture(scope="session")
def api(twin: Twin, access: Access) -> Iterator[Api]:
    with Api(twin.url, access.api_key) as api:
        yield api


@pytest.fixture(scope="session")
def crew(twin: Twin, api: Api) -> Crew:
    return Crew(twin, api)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    log = _FOLDER / "aws" / "lambda.log"
    if report.failed and log.exists():
        lines = log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
        report.sections.append((f"end of {log.relative_to(_ROOT)}", "\n".join(lines)))
