"""The guide's example is built from the page and passes the contract: the page stays true."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding_a_provider.md"
FILE = re.compile(r"^`([\w./-]+)`\n\n```(?:python|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDED = (
    "functions/dailies",
    "infra/__init__.py",
    "infra/assets",
    "local/__init__.py",
    "local/simulators",
    "tests/conftest.py",
    "tests/contract/test_providers_over_sockets.py",
    "tests/fixtures/providers",
    "tests/unit/providers/provider_cases.py",
    "tests/unit/providers/test_contract.py",
    "pyproject.toml",
)
CONTRACT = "tests/unit/providers/test_contract.py"
OVER_SOCKETS = "tests/contract/test_providers_over_sockets.py"


def files_of_the_page() -> dict[str, str]:
    return dict(FILE.findall(PAGE.read_text("utf-8")))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a checkout of the code, the contract, and what the page says to add."""
    root = tmp_path_factory.mktemp("checkout")
    for name in NEEDED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for name, text in files_of_the_page().items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return root


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, timeout=120
    )


def contract(root: Path, suite: str, *selected: str) -> subprocess.CompletedProcess[str]:
    return run(root, "pytest", suite, "-q", "-p", "no:cacheprovider", *selected)


@pytest.mark.parametrize(("suite", "least"), [(CONTRACT, 60), (OVER_SOCKETS, 15)])
def test_contract_passes_when_the_example_is_built_from_the_page(
    checkout: Path, suite: str, least: int
) -> None:
    done = contract(checkout, suite, "-k", "sketchmill or complete")

    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > least
    assert "skipped" not in done.stdout


def test_contract_fails_when_a_case_is_left_out(checkout: Path) -> None:
    case = checkout / "tests/fixtures/providers/sketchmill/poll_blocked.json"
    text = case.read_text("utf-8")
    case.unlink()
    try:
        done = contract(checkout, CONTRACT, "-k", "complete")
    finally:
        case.write_text(text, "utf-8")

    assert done.returncode == 1
    assert "poll_blocked" in done.stdout


def test_contract_names_the_missing_file_when_there_is_no_simulator(checkout: Path) -> None:
    simulator = checkout / "local/simulators/sketchmill.py"
    text = simulator.read_text("utf-8")
    simulator.unlink()
    try:
        done = contract(checkout, OVER_SOCKETS, "-k", "sketchmill and throttled")
    finally:
        simulator.write_text(text, "utf-8")

    assert done.returncode == 1
    assert "There is no local/simulators/sketchmill.py" in done.stdout
    assert "ResourceWarning" not in done.stdout


def test_example_follows_the_house_style_when_it_is_linted(checkout: Path) -> None:
    made = [name for name in files_of_the_page() if name.endswith(".py")]

    assert len(made) == 2
    for check in (("check",), ("format", "--check")):
        done = run(checkout, "ruff", *check, *made)
        assert done.returncode == 0, done.stdout


def test_every_case_that_the_suite_needs_is_listed_on_the_page() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "unit" / "providers"))
    try:
        from test_contract import ALWAYS, CALLBACK, CANCEL, LOOKUP
    finally:
        sys.path.pop(0)
    page = PAGE.read_text("utf-8")
    needed = sorted(ALWAYS | LOOKUP | CALLBACK | CANCEL)

    assert [name for name in needed if f"`{name}`" not in page] == []


def test_every_path_on_the_page_exists() -> None:
    page = PAGE.read_text("utf-8")
    named = set(re.findall(r"`((?:functions|tests|local|docs)/[\w./-]+\w)`", page))
    made = set(files_of_the_page())

    assert [name for name in sorted(named - made) if not (ROOT / name).exists()] == []
    assert all(json.loads(text) for name, text in files_of_the_page().items() if "json" in name)
