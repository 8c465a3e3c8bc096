"""The synthesized stacks, made once for the same sources and the same settings."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.twin.errors import TwinError

_ROOT = Path(__file__).resolve().parents[2]
_CACHE = _ROOT / ".local" / "assemblies"
_SOURCES = ("infra", "functions/dailies", "state_machines", "requirements")
_FILES = ("app.py", "cdk.json", "package-lock.json")
_SUFFIXES = {".py", ".json", ".lock"}
_KEPT = 8
"""How many assemblies are kept; one is about 1 MB."""


class Assembly:
    """What `app.py` makes of the stage `local`: begins on entry, in a process of its own."""

    def __init__(
        self, context: Mapping[str, Any], environment: Mapping[str, str], log_path: Path
    ) -> None:
        """Describe it; `context` is added to that of `cdk.json`."""
        settings = json.loads((_ROOT / "cdk.json").read_text("utf-8"))
        self._context = settings["context"] | dict(context)
        self._environment = dict(environment)
        self._log_path = log_path
        self.folder = _CACHE / _digest(self._context)
        """Where the templates and assets are, once `await_ready` has returned."""
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: Path | None = None

    @property
    def is_cached(self) -> bool:
        """Whether nothing needs to be synthesized."""
        return self.folder.exists()

    def __enter__(self) -> Self:
        """Begin to synthesize, unless that was done before."""
        if self.is_cached:
            return self
        _CACHE.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(dir=_CACHE, prefix="new-"))
        variables = {
            "CDK_OUTDIR": str(self._scratch),
            "CDK_CONTEXT_JSON": json.dumps(self._context),
        }
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=_ROOT,
                env=self._environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def await_ready(self) -> None:
        """Return once `folder` is complete.

        Raises:
            TwinError: the stacks cannot be synthesized; the message names the log.
        """
        if self._process is None or self._scratch is None:
            self.folder.touch()  # used last
            return
        if self._process.wait() != 0 or not (self._scratch / "manifest.json").exists():
            raise TwinError(f"The stacks could not be synthesized. See {self._log_path}.")
        try:
            self._scratch.rename(self.folder)
        except OSError:  # another twin was quicker
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch = None
        _forget_old()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, where it is not done."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _digest(context: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(f"{sys.version} {json.dumps(context, sort_keys=True)}".encode())
    for path in _sources():
        digest.update(f"\n{path.relative_to(_ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _sources() -> Iterator[Path]:
    yield from (_ROOT / name for name in _FILES)
    for folder in _SOURCES:
        yield from sorted(p for p in (_ROOT / folder).rglob("*") if p.suffix in _SUFFIXES)


def _forget_old() -> None:
    kept = sorted(
        (p for p in _CACHE.iterdir() if not p.name.startswith("new-")),
        key=lambda path: path.stat().st_mtime,
    )
    for path in kept[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)
