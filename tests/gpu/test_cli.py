"""The command line without a frame: what is refused, how, and with which exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from enhance.cli import main
from enhance.cli.run import share
from enhance.errors import BadInputError
from enhance.exits import ExitCode
from enhance.settings import read
from tests.gpu import random_weights


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def a_spec(tmp_path: Path, **changes: Any) -> Path:
    spec = {
        "task_id": "t",
        "source": {"uri": str(tmp_path / "in.mp4")},
        "output": str(tmp_path / "out.mp4"),
        "work": str(tmp_path / "work"),
        "stages": [{"name": "sr", "scale": 2}],
        **changes,
    }
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec))
    return path


def report(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "work" / "report.json").read_bytes())


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["enhance"],
        ["all", "--unknown"],
        ["run", "--chunk", "1", "--chunks", "0-3"],
    ],
)
def test_command_line_that_cannot_be_read_is_bad_input(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == ExitCode.BAD_INPUT


@pytest.mark.parametrize("command", ["", "all", "plan", "run", "assemble", "probe", "analyze"])
def test_help_is_given(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    assert f"python -m enhance {command}".strip() in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["all"], "bad_options"),
        (["all", "--input", "a.mp4"], "bad_options"),
        (["all", "--input", "a.mp4", "--output", "b.mp4", "--scale", "5"], "bad_options"),
        (["all", "--input", "a.mp4", "--output", "b.mp4", "--denoise", "2"], "bad_options"),
        (
            ["all", "--input", "a.mp4", "--output", "b.mp4", "--fps", "50", "--model", "x"],
            "bad_options",
        ),
        (["all", "--input", "a.mp4", "--output", "s3://bucket/b.mp4"], "bad_options"),
        (["all", "--spec", "none.json"], "spec_missing"),
        (["all", "--spec", "none.json", "--scale", "2"], "bad_options"),
        (["run", "--chunks", "3-1", "--spec", "none.json"], "spec_missing"),
        (["all", "--input", "none.mp4", "--output", "b.mp4"], "source_missing"),
        (["all", "--input", "b.mp4", "--output", "b.mp4"], "output_is_source"),
        (["all", "--input", "ftp://x/a.mp4", "--output", "b.mp4"], "bad_uri"),
        (["probe", "none.mp4"], "source_missing"),
    ],
)
def test_request_is_refused_by_name(
    argv: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.startswith(f"bad_input ({code}): ")


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"stages": []},
        {"stages": [{"name": "sr", "scale": 5}]},
        {"stages": [{"name": "paint"}]},
        {"device": "tpu"},
        {"chunk_s": 0},
        {"unknown": 1},
        {"stages": [{"name": "sr", "model": {"uri": "x", "sha256": "short"}}]},
    ],
)
def test_spec_is_refused_with_a_report(changes: dict[str, Any], tmp_path: Path) -> None:
    assert main(["all", "--spec", str(a_spec(tmp_path, **changes))]) == ExitCode.BAD_INPUT
    told = report(tmp_path)
    assert (told["outcome"], told["code"], told["retryable"]) == ("bad_input", "bad_spec", False)
    assert told["task_id"] == "t"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"task_id": 1, "work": 2}'])
def test_spec_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_bytes(content)
    assert main(["all", "--spec", str(path)]) == ExitCode.BAD_INPUT


def test_source_that_is_not_there_is_reported(tmp_path: Path) -> None:
    assert main(["plan", "--spec", str(a_spec(tmp_path))]) == ExitCode.BAD_INPUT
    assert report(tmp_path)["code"] == "source_missing"


def test_source_is_refused_when_its_etag_is_another(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"x")
    source = {"uri": str(tmp_path / "in.mp4"), "etag": "another"}
    assert main(["plan", "--spec", str(a_spec(tmp_path, source=source))]) == ExitCode.BAD_INPUT
    assert report(tmp_path)["code"] == "source_changed"


def test_run_without_a_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"x")
    assert main(["run", "--spec", str(a_spec(tmp_path))]) == ExitCode.BAD_INPUT
    assert report(tmp_path)["code"] == "no_plan"


def test_child_of_an_array_reports_under_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.mp4").write_bytes(b"x")
    monkeypatch.setenv("ENHANCE_SPEC", str(a_spec(tmp_path)))
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "3")
    assert main(["run"]) == ExitCode.BAD_INPUT
    told = json.loads((tmp_path / "work" / "reports" / "3.json").read_bytes())
    assert told["code"] == "no_plan"
    assert not (tmp_path / "work" / "report.json").exists()


def test_children_share_all_chunks_whatever_their_number() -> None:
    for size in range(1, 12):
        settings = read({"AWS_BATCH_JOB_ARRAY_SIZE": str(size)})
        shares = [share(10, child, settings) for child in range(size)]
        assert sorted(i for each in shares for i in each) == list(range(10))
    assert share(10, 4, read({})) == [4]


def test_environment_is_read_by_name(tmp_path: Path) -> None:
    found = read(
        {
            "AWS_BATCH_JOB_ARRAY_INDEX": "0",
            "ENHANCE_SPOT": "1",
            "ENHANCE_WATCHDOG_S": "60",
            "XDG_CACHE_HOME": str(tmp_path),
        }
    )
    assert (found.array_index, found.spot, found.watchdog_s) == (0, True, 60.0)
    assert found.cache == tmp_path / "enhance"
    assert read({}).array_index is None
    with pytest.raises(BadInputError, match="AWS_BATCH_JOB_ARRAY_INDEX"):
        read({"AWS_BATCH_JOB_ARRAY_INDEX": "first"})


def test_weights_that_are_none_are_refused_by_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("no weights")
    save_file({"x": np.zeros(1, np.float32)}, tmp_path / "headless")
    for name in ("none", "text", "headless"):
        assert main(["train", "--gate", str(tmp_path / name)]) == ExitCode.BAD_INPUT
        assert name in capsys.readouterr().err


def test_defect_ends_with_a_status_of_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "file.safetensors"
    save_file(dict(random_weights.luma(2)), saved, {"variant": "clean", "scale": "two"})
    assert main(["train", "--gate", str(saved)]) == ExitCode.INTERNAL
    assert "ValueError" in capsys.readouterr().err
