"""The guide to enhancement: its table is the code's, its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import av
import numpy as np
import pytest

from enhance.cli import main
from enhance.exits import ExitCode
from enhance.nets.load import shipped_names
from enhance.spec import JobSpec

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "enhancing.md").read_text("utf-8")
COMMANDS = re.findall(r"^python -m enhance (.+)$", PAGE, re.MULTILINE)


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay the files that the commands name into the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("in.mp4", "in.mkv", "out.mp4"):
        with av.open(name, "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            for i in range(15):
                picture = np.full((96, 96), 8 * i, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "yuv420p")))
            container.mux(stream.encode())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("videos")
def test_commands_run(command: str) -> None:
    assert main(shlex.split(command)) == ExitCode.OK


def test_there_are_commands() -> None:
    assert len(COMMANDS) == 4


def test_table_of_endings_is_the_codes() -> None:
    said = re.findall(r"^\| (\d+) \| `(\w+)` \| .* \| ?(\w*) \|$", PAGE, re.MULTILINE)
    again = {True: "yes", False: "no"}
    codes = [(str(int(c)), c.outcome, again[c.retryable] if c else "") for c in ExitCode]
    assert said == codes


def test_every_stage_and_every_shipped_net_is_described() -> None:
    schema = JobSpec.model_json_schema()["$defs"]
    stages = {
        d["properties"]["name"]["const"] for d in schema.values() if "name" in d["properties"]
    }
    described = set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.MULTILINE))
    assert stages | set(shipped_names()) <= described
