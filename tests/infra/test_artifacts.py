"""The code zip and the layers: reproducible, complete, rebuilt only when an input changed."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.artifacts import build_artifacts
from infra.code_asset import build_code
from infra.interpreter import find_interpreter, host_version
from infra.layers import LayerRecipe, build_layer
from infra.stage import stage_config
from tests.infra.conftest import ROOT

UNCHECKED_HASH = 0b01
MACHINE = "aarch64"
RECIPE = LayerRecipe("demo", "manylinux2014")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a tiny checkout."""
    package = tmp_path / "functions" / "dailies"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "answer.py").write_text("ANSWER = 42\n")
    (package / "prices.json").write_text("{}")
    (package / "notes.txt").write_text("not shipped")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "answer.cpython-39.pyc").write_bytes(b"stale")
    (tmp_path / "functions" / "stray.py").write_text("")
    shared = tmp_path / "gpu_container" / "enhance"
    (shared / "analysis").mkdir(parents=True)
    (shared / "__init__.py").write_text("")
    (shared / "analysis" / "measure.py").write_text("")
    (shared / "run.py").write_text("import torch\n")
    return tmp_path


def names(archive: Path) -> set[str]:
    """Return what a zip holds."""
    with zipfile.ZipFile(archive) as opened:
        return set(opened.namelist())


def test_zip_holds_sources_data_and_bytecode_alone_when_built(
    sources: Path, tmp_path: Path
) -> None:
    built = build_code(sources, tmp_path / "build", host_version())
    tag = sys.implementation.cache_tag

    assert names(built) == {
        "dailies/__init__.py",
        f"dailies/__pycache__/__init__.{tag}.pyc",
        f"dailies/__pycache__/answer.{tag}.pyc",
        "dailies/answer.py",
        "dailies/prices.json",
        "enhance/__init__.py",
        f"enhance/__pycache__/__init__.{tag}.pyc",
        f"enhance/analysis/__pycache__/measure.{tag}.pyc",
        "enhance/analysis/measure.py",
    }


def test_bytecode_is_used_unchecked_when_a_zip_resets_times(sources: Path, tmp_path: Path) -> None:
    built = build_code(sources, tmp_path / "build", host_version())
    name = f"dailies/__pycache__/answer.{sys.implementation.cache_tag}.pyc"
    with zipfile.ZipFile(built) as archive:
        _, flags = struct.unpack("<4sI", archive.read(name)[:8])

    assert flags == UNCHECKED_HASH


def test_zip_is_the_same_bytes_when_built_twice(sources: Path, tmp_path: Path) -> None:
    first = build_code(sources, tmp_path / "one", host_version())
    second = build_code(sources, tmp_path / "two", host_version())

    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_zip_is_not_built_again_when_nothing_changed(sources: Path, tmp_path: Path) -> None:
    built = build_code(sources, tmp_path / "build", host_version())
    built.write_bytes(b"left alone")

    assert build_code(sources, tmp_path / "build", host_version()).read_bytes() == b"left alone"


@pytest.mark.parametrize("changed", ["answer.py", "prices.json"])
def test_zip_gets_another_name_when_a_source_changes(
    sources: Path, tmp_path: Path, changed: str
) -> None:
    before = build_code(sources, tmp_path / "build", host_version())
    (sources / "functions" / "dailies" / changed).write_text("1\n")

    assert build_code(sources, tmp_path / "build", host_version()) != before


def test_code_that_does_not_compile_is_refused_when_packed(sources: Path, tmp_path: Path) -> None:
    (sources / "functions" / "dailies" / "answer.py").write_text("def broken(:\n")

    with pytest.raises(RuntimeError, match=r"answer\.py"):
        build_code(sources, tmp_path / "build", host_version())
    assert not list((tmp_path / "build").glob("*.zip"))


def test_a_missing_interpreter_is_said_once_when_it_is_looked_for() -> None:
    find_interpreter.cache_clear()

    with pytest.warns(UserWarning, match=r"no working python9\.9 found"):
        assert find_interpreter("9.9") is None
    assert find_interpreter("9.9") is None


def test_laptop_gets_no_layers_when_its_interpreter_has_the_packages(tmp_path: Path) -> None:
    (tmp_path / "functions" / "dailies").mkdir(parents=True)
    (tmp_path / "functions" / "dailies" / "__init__.py").write_text("")

    built = build_artifacts(tmp_path, stage_config("local"))

    assert built.code.suffix == ".zip"
    assert (built.base_layer, built.media_layer) == (None, None)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """Return a folder with a wheel and a lock file that asks for it by hash."""
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("demo.py", "NAME = 'demo'\n")
        archive.writestr(
            "demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
        )
        archive.writestr(
            "demo-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("demo-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = f"--no-index\n--find-links {tmp_path}\ndemo==1.0 --hash=sha256:{digest}\n"
    (tmp_path / "demo.lock").write_text(lock)
    return tmp_path


def test_layer_holds_the_locked_packages_compiled_when_built(locked: Path) -> None:
    layer = build_layer(RECIPE, locked, locked / "build", MACHINE, host_version())
    compiled = layer / "python" / "__pycache__" / f"demo.{sys.implementation.cache_tag}.pyc"

    assert (layer / "python" / "demo.py").read_text() == "NAME = 'demo'\n"
    assert struct.unpack("<4sI", compiled.read_bytes()[:8])[1] == UNCHECKED_HASH


def test_layer_is_refused_when_a_wheel_has_another_hash(locked: Path) -> None:
    lock = locked / "demo.lock"
    lock.write_text(lock.read_text()[:-9] + "00000000\n")

    with pytest.raises(RuntimeError, match=r"demo\.lock"):
        build_layer(RECIPE, locked, locked / "build", MACHINE, host_version())
    assert not list((locked / "build").glob("layer-*"))


def test_layer_is_built_once_when_its_inputs_stay(locked: Path) -> None:
    layer = build_layer(RECIPE, locked, locked / "build", MACHINE, host_version())
    (layer / "mark").touch()

    again = build_layer(RECIPE, locked, locked / "build", MACHINE, host_version())
    assert (again / "mark").exists()


def test_layer_gets_another_name_when_an_input_changes(locked: Path) -> None:
    def build(recipe: LayerRecipe = RECIPE, machine: str = MACHINE) -> Path:
        return build_layer(recipe, locked, locked / "build", machine, host_version())

    built = {build(), build(LayerRecipe("demo", "manylinux_2_28")), build(machine="x86_64")}
    lock = locked / "demo.lock"
    lock.write_text("# another comment\n" + lock.read_text())

    assert len(built | {build()}) == 4


def test_every_dependency_has_a_wheel_for_lambda_when_locked() -> None:
    for name in ("base", "media"):
        lock = (ROOT / "requirements" / f"{name}.lock").read_text()

        assert "--hash=sha256:" in lock
        assert "://" not in lock


def test_handlers_import_from_the_zip_alone_when_nothing_else_is_there(tmp_path: Path) -> None:
    built = build_code(ROOT, tmp_path / "build", host_version())
    modules = sorted(
        name.removesuffix(".py").replace("/", ".")
        for name in names(built)
        if name.startswith("dailies/handlers/") and name.endswith(".py") and "__" not in name
    )
    program = "import importlib, sys; [importlib.import_module(m) for m in sys.argv[1:]]"

    done = subprocess.run(
        [sys.executable, "-c", program, *modules],
        env={"PYTHONPATH": str(built), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert modules
    assert done.returncode == 0, done.stderr
