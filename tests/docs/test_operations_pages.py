"""The pages on deploying and recovery, and the delivery pipeline: what they name is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.stage import STAGE_NAMES

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/deploying.md", "docs/recovery.md", "docs/decisions/0013-classic-components.md",
         "docs/decisions/0014-simulated-vendor.md")  # fmt: skip
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOOL = re.compile(r"^(?:\.venv/bin/python|python) -m (tools\.\w+) (.*)$")
MAKE = re.compile(r"\bmake ([a-z][a-z-]+)")


def commands() -> list[str]:
    """Return every line of a bash block of the pages, and every step of the pipeline."""
    text = "\n".join((ROOT / page).read_text("utf-8") for page in PAGES)
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    steps = [step["run"] for step in steps_of_all() if "run" in step]
    return [line for line in [*lines, *"\n".join(steps).splitlines()] if line]


def steps_of_all() -> list[dict[str, Any]]:
    return [
        step
        for path in WORKFLOWS
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values()
        for step in job.get("steps", [])
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_path_leads_somewhere_when_a_page_names_it(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    links = [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", text)]
    paths = re.findall(r"`((?:infra|tools|tests|functions|docs)/[\w./-]+\w)`", text)

    assert [one for one in links if one and not (ROOT / page).parent.joinpath(one).exists()] == []
    assert [one for one in paths if not (ROOT / one).exists()] == []


def test_every_section_exists_when_a_page_points_into_another() -> None:
    for page in PAGES:
        for target, section in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", (ROOT / page).read_text()):
            other = (ROOT / page).parent.joinpath(target or Path(page).name).read_text("utf-8")
            titles = re.findall(r"^#+ (.*)$", other, re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
            assert section in anchors


def test_every_tool_takes_its_options_when_a_page_runs_it() -> None:
    found = [match for line in commands() if (match := TOOL.match(line))]
    assert len(found) >= 6

    helps: dict[str, str] = {}
    for match in found:
        module, words = match[1], shlex.split(match[2])
        if module not in helps:
            done = subprocess.run(
                [sys.executable, "-m", module, "--help"],
                cwd=ROOT, capture_output=True, text=True, check=True,
            )  # fmt: skip
            helps[module] = done.stdout
        options = [word for word in words if word.startswith("--")]
        assert [option for option in options if option not in helps[module]] == []
        assert words[words.index("--stage") + 1] in STAGE_NAMES


def test_every_target_exists_when_a_page_or_the_pipeline_makes_it() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    named = {name for line in commands() for name in MAKE.findall(line)}

    assert {"deploy", "destroy", "install", "check", "test"} <= named
    assert named <= targets


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_may_only_read_unless_a_job_signs_in(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text("utf-8"))

    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        allowed = job.get("permissions", {"contents": "read"})
        signs_in = any("aws-actions" in step.get("uses", "") for step in job.get("steps", []))
        expected = {"contents": "read"} | ({"id-token": "write"} if signs_in else {})
        assert allowed == expected
        assert "uses" in job or job["timeout-minutes"] <= 60


def test_actions_are_pinned_by_hash_when_they_are_somebody_elses() -> None:
    used = [
        line.split("uses:")[1].strip()
        for path in WORKFLOWS
        for line in path.read_text("utf-8").splitlines()
        if "uses:" in line and "./" not in line
    ]

    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", one)] == []


def test_production_waits_for_staging_and_approval_when_something_is_delivered() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/deliver.yml").read_text("utf-8"))["jobs"]

    assert jobs["staging"]["needs"] == "check"
    assert jobs["production"]["needs"] == "staging"
    assert jobs["production"]["environment"] == "production"
    runs = [step.get("run", "") for step in jobs["production"]["steps"]]
    assert "--roll-back" in runs[-2]
    assert "tools.rollback --stage prod --watch-minutes" in runs[-1]
