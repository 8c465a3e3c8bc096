"""Pack our own code: one small, reproducible zip that every function shares."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from infra.interpreter import compile_bytecode, find_interpreter

_RECIPE = "2"
"""Change it whenever this file changes what it makes of the same sources."""

_SUFFIXES = {".py", ".json"}
_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o644 << 16


_SHARED = ("enhance/__init__.py", "enhance/analysis/**/*")
"""What functions share with the container: looking a video through, for Check."""


def build_code(root: Path, build_folder: Path, python_version: str) -> Path:
    """Return a zip of our code in the checkout `root`, with bytecode; made if not there yet.

    It holds `dailies`, and of the container's package the analysis alone. Same sources, Python
    version and recipe give the same name and the same bytes.
    """
    files = _own_files(root)
    interpreter = find_interpreter(python_version)
    digest = _digest(files, f"{_RECIPE}/{python_version}/{interpreter is not None}")
    target = build_folder / f"code-{digest}.zip"
    if target.exists():
        return target
    build_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build_folder) as scratch:
        package = Path(scratch, "package")
        for name, file in files.items():
            copy = package / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        if interpreter is not None:
            compile_bytecode(interpreter, package, "/var/task")
        packed = Path(scratch, "code.zip")
        _zip(package, packed)
        os.replace(packed, target)  # noqa: PTH105 - atomic: another synth may run beside us
    return target


def _own_files(root: Path) -> dict[str, Path]:
    """Return our files by their names in the zip."""
    packages = ((root / "functions", ("dailies/**/*",)), (root / "gpu_container", _SHARED))
    found = {
        file.relative_to(sources).as_posix(): file
        for sources, patterns in packages
        for pattern in patterns
        for file in sources.glob(pattern)
        if file.suffix in _SUFFIXES and file.is_file() and "__pycache__" not in file.parts
    }
    return dict(sorted(found.items()))


def _digest(files: dict[str, Path], recipe: str) -> str:
    digest = hashlib.sha256(recipe.encode())
    for name, file in files.items():
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"\n{name} {content}".encode())
    return digest.hexdigest()[:32]


def _zip(folder: Path, target: Path) -> None:
    """Write the files in order, without times or owners, so that equal content is equal bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _FILE_MODE
            archive.writestr(entry, file.read_bytes())
