"""`python -m tests [FOLDER …]`: run every offline suite, or only some, and say how each ended.

A suite is a folder below `tests/`. The quick ones run together on all cores; the others follow one
by one. Whoever adds a folder has it run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_TESTS = _ROOT / "tests"
_WORK = _ROOT / ".local" / "tests"
_ON_THEIR_OWN = ("workflow", "gpu", "simulators", "emulator", "infra", "e2e")
"""Slow suites, in the order in which they run after the quick ones."""
_IN_ONE_PROCESS = {"infra", "e2e"}
"""What they set up once costs more than a second core saves."""
_UNMEASURED = {"gpu", "simulators", "emulator", "infra", "e2e"}
"""They test other code, or run `functions/` in other processes."""
_NEEDS_TORCH = "torch"
"""`make test-torch` runs it, in an environment of its own."""
_WORKERS = max(2, min(4, os.cpu_count() or 2))
_SUITE_TIMEOUT_S = 1200
_OUTPUT_LINES = 400
_FLOORS = (
    ("functions/dailies/*", 95),
    ("functions/dailies/domain/*", 99),
    ("functions/dailies/providers/_http.py", 100),
)
"""Lines and branches that tests must reach, in percent."""


@dataclass(frozen=True)
class Suite:
    """Folders that one pytest run takes."""

    name: str
    folders: tuple[str, ...]

    @property
    def is_measured(self) -> bool:
        """Whether its run counts for the coverage of `functions/`."""
        return not _UNMEASURED.intersection(self.folders)


@dataclass
class Counts:
    """How tests ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    def add(self, other: Counts) -> None:
        """Count another suite's in."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def main(wanted: list[str]) -> int:
    """Run the suites; return the exit status."""
    _WORK.mkdir(parents=True, exist_ok=True)
    for stale in _WORK.glob(".coverage*"):
        stale.unlink()
    began, total, broken = time.monotonic(), Counts(), False
    suites = list(_suites(wanted))
    for suite in suites:
        counts, status, seconds = _run(suite)
        total.add(counts)
        broken |= status != 0
        print(f"{'ok    ' if status == 0 else 'FAILED'} {suite.name}: {counts} in {seconds:.0f} s")
    if not wanted:
        broken |= not _coverage_holds()
    print(f"\nAll suites took {time.monotonic() - began:.0f} s.")
    print(total, flush=True)
    return 1 if broken or total.failed or not total.passed else 0


def _suites(wanted: list[str]) -> Iterator[Suite]:
    found = {path.relative_to(_TESTS).parts[0] for path in _TESTS.rglob("test_*.py")}
    found.discard(_NEEDS_TORCH)
    unknown = set(wanted) - found
    if unknown:
        sys.exit(f"There is no suite {', '.join(sorted(unknown))}; there are {sorted(found)}.")
    chosen = set(wanted) or found
    for folders in _groups(sorted(chosen - set(_ON_THEIR_OWN))):
        yield Suite(", ".join(folders), tuple(folders))
    for name in _ON_THEIR_OWN:
        if name in chosen:
            yield Suite(name, (name,))


def _groups(folders: list[str]) -> list[list[str]]:
    """Put folders together where no two test files share a name; one run refuses such."""
    groups: list[tuple[list[str], set[str]]] = []
    for folder in folders:
        names = {path.name for path in (_TESTS / folder).rglob("test_*.py")}
        for group, taken in groups:
            if not taken & names:
                group.append(folder)
                taken |= names
                break
        else:
            groups.append(([folder], names))
    return [group for group, _ in groups]


def _run(suite: Suite) -> tuple[Counts, int, float]:
    label = "-".join(suite.folders)
    report, log = _WORK / f"{label}.xml", _WORK / f"{label}.log"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"]
    command += [str(_TESTS / folder) for folder in suite.folders]
    if not _IN_ONE_PROCESS.intersection(suite.folders):
        command += ["-n", str(_WORKERS), "--dist", "loadfile"]
    if suite.is_measured:
        command += ["--cov", "--cov-report="]
    environment = os.environ | {"COVERAGE_FILE": str(_WORK / f".coverage.{label}")}
    print(f"...    {suite.name}", end="\r" if sys.stdout.isatty() else "\n", flush=True)
    began = time.monotonic()
    with log.open("wb") as out:
        status = _wait(
            subprocess.Popen(
                command, cwd=_ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
            )
        )
    if status != 0:
        _show(log)
    return _counts(report), status, time.monotonic() - began


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(_SUITE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print(f"stopped after {_SUITE_TIMEOUT_S} s", flush=True)
        process.terminate()
        process.wait(30)
        return 1
    except BaseException:
        process.terminate()
        process.wait(30)
        raise


def _show(log: Path) -> None:
    lines = log.read_text("utf-8", "replace").splitlines()
    if len(lines) > _OUTPUT_LINES:
        print(f"[{len(lines) - _OUTPUT_LINES} lines more in {log.relative_to(_ROOT)}]")
    print("\n".join(lines[-_OUTPUT_LINES:]), flush=True)


def _counts(report: Path) -> Counts:
    if not report.exists():
        return Counts(failed=1)
    suite = ElementTree.parse(report).getroot().find("testsuite")
    if suite is None:
        return Counts(failed=1)
    number = {
        name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
    }
    failed = number["failures"] + number["errors"]
    return Counts(number["tests"] - failed - number["skipped"], failed, number["skipped"])


def _coverage_holds() -> bool:
    data = str(_WORK / ".coverage")
    _coverage("combine", "--quiet", "--data-file", data, str(_WORK))
    holds = True
    for paths, floor in _FLOORS:
        found = _coverage("report", "--data-file", data, f"--include={paths}", "--format=total")
        percent = float(found.stdout or 0)
        good = percent >= floor
        print(
            f"{'ok    ' if good else 'FAILED'} coverage of {paths}: {percent:g} % (floor {floor})"
        )
        if not good:
            missing = _coverage(
                "report", "--data-file", data, f"--include={paths}", "-m", "--skip-covered"
            )
            print(missing.stdout)
        holds &= good
    return holds


def _coverage(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "coverage", *arguments]
    if arguments[0] == "report":
        command.append("--precision=1")
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
