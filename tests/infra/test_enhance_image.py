"""The image: linted, pinned, not root; named by its content, and built only when deployed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.conftest import ROOT, Stage

CONTAINER = ROOT / "gpu_container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text("utf-8")
TARGETS = dict(re.findall(r"(?ms)^FROM \S+ AS (\w[\w-]*)\n(.*?)(?=^FROM |\Z)", DOCKERFILE))


def test_hadolint_is_silent() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None, "make install"
    ran = subprocess.run([hadolint, CONTAINER / "Dockerfile"], capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout


def test_base_is_pinned_by_digest() -> None:
    bases = re.findall(r"^FROM (\S+) AS", DOCKERFILE, re.MULTILINE)
    outside = [base for base in bases if base not in TARGETS]

    assert len(outside) == 1
    assert re.fullmatch(r"python:3\.13\.\d+-slim-\w+@sha256:[0-9a-f]{64}", outside[0])


@pytest.mark.parametrize("target", ["gpu", "cpu"])
def test_target_runs_as_nobody_and_says_how_it_is(target: str) -> None:
    lines = TARGETS[target]

    assert "USER 10001:10001" in lines
    assert 'CMD ["python", "-m", "enhance", "probe"]' in lines
    assert 'ENTRYPOINT ["python", "-m", "enhance"]' in lines
    assert "apt-get" not in DOCKERFILE


def test_driver_gives_the_encoders_too() -> None:
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility,video" in TARGETS["gpu"]


def test_memory_is_kept_as_the_program_itself_keeps_it() -> None:
    base = TARGETS["base"]

    assert "MALLOC_MMAP_THRESHOLD_=33554432" in base
    assert "MALLOC_TOP_PAD_=268435456" in base


@pytest.mark.parametrize("name", ["cpu", "gpu", "train", "uv"])
def test_packages_are_locked_by_hash_and_name_no_host(name: str) -> None:
    lock = (CONTAINER / f"{name}.lock").read_text("utf-8")

    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert f"COPY {name}.lock" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE


def test_image_has_the_versions_that_were_tested() -> None:
    def pins(text: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w-]+)==([^\s;\\]+)", text, re.MULTILINE))

    tested = (ROOT / "requirements" / "enhance.in").read_text("utf-8")
    for name in ("cpu", "gpu", "train"):
        locked = pins((CONTAINER / f"{name}.lock").read_text("utf-8"))
        assert pins(tested).items() <= locked.items()
    assert "torch" not in pins((CONTAINER / "cpu.lock").read_text("utf-8"))


def test_context_is_what_the_image_is_made_of() -> None:
    ignored = (CONTAINER / ".dockerignore").read_text("utf-8").split("\n")
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)

    assert "*" in ignored
    assert {f"!{name}" for name in copied} <= set(ignored)


def test_entry_point_answers_as_the_image_runs_it() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "enhance", "--help"],
        env={"PYTHONPATH": str(CONTAINER), "PATH": os.defpath},
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
    for command in ("plan", "run", "assemble", "all", "probe"):
        assert command in ran.stdout


def test_assembly_names_both_images_to_be_built(prod: Stage) -> None:
    path = prod.pipeline.path
    manifest = json.loads(path.with_name("Dailies-prod-Pipeline.assets.json").read_text("utf-8"))
    images = [one["source"] for one in manifest["dockerImages"].values()]

    assert {one["dockerBuildTarget"] for one in images} == {"gpu", "cpu"}
    assert {one["platform"] for one in images} == {"linux/amd64"}
    for one in images:
        assert (path.parent / one["directory"] / "Dockerfile").is_file()


def test_synthesis_needs_no_docker(tmp_path: Path) -> None:
    """Nothing but Node is on the path."""
    node = shutil.which("node")
    assert node is not None
    (tmp_path / "node").symlink_to(node)
    ran = subprocess.run(
        [sys.executable, "-c", "from tests.infra.conftest import synthesize; synthesize('dev')"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "PYTHONPATH": f"{ROOT}:functions:gpu_container"},
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr[-2000:]
