"""Find the interpreter that compiles bytecode for a Python version."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path


@functools.cache
def find_interpreter(version: str) -> Path | None:
    """Return an interpreter of this minor version, or None after one warning.

    Bytecode of another minor version would be dead weight, so there is no second best.
    """
    if version == host_version():
        return Path(sys.executable)
    for executable in _candidates(version):
        if _reported_version(executable) == version:
            return Path(executable)
    warnings.warn(
        f"no working python{version} found: functions are packed without bytecode, "
        "so that each cold start compiles what it imports",
        stacklevel=2,
    )
    return None


def host_version() -> str:
    """Return the minor version of the interpreter that runs us."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _candidates(version: str) -> Iterator[str]:
    """Yield what may be such an interpreter: from PATH, then one that uv knows of."""
    for folder in os.get_exec_path():
        found = shutil.which(f"python{version}", path=folder)
        if found is not None:
            yield found
    command = [find_uv(), "python", "find", "--no-python-downloads", version]
    yield _output(command)


def find_uv() -> str:
    """Return the installer that is locked beside us, or the one from PATH."""
    return shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"


def _reported_version(executable: str) -> str:
    """Ask the interpreter itself: a version manager's shim may lead nowhere."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    return _output([executable, "-c", question]) if executable else ""


def _output(command: list[str]) -> str:
    """Return what a program prints, or nothing where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def compile_bytecode(interpreter: Path, folder: Path, runtime_folder: str) -> None:
    """Compile every module below `folder` to bytecode that is never checked against its source.

    Zip files reset modification times, so that bytecode with the default check never matches and
    is thrown away. `runtime_folder` is where tracebacks say that the files are.

    Raises:
        RuntimeError: A module does not compile.
    """
    command = [str(interpreter), "-m", "compileall", "-q", "-s", str(folder), "-p", runtime_folder]
    command += ["--invalidation-mode", "unchecked-hash", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(f"compiling {folder.name} failed:\n{done.stdout}{done.stderr}")
