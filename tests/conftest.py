"""Rules for every suite: no ambient credentials, no sockets where none are needed."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_socket

_NO_SOCKETS = {"unit"}
_ROOT = Path(__file__).parent


@pytest.fixture(autouse=True)
def _no_ambient_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take vendor and AWS variables away: a test can neither spend nor depend on a profile."""
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "KLING_", "GOOGLE_", "GEMINI_", "VERTEX_", "DAILIES_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def pytest_runtest_setup(item: pytest.Item) -> None:
    suite = item.path.relative_to(_ROOT).parts[0]
    if suite in _NO_SOCKETS:
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.enable_socket()
