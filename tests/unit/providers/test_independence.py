"""A provider is one file: it knows the domain and the package's own HTTP, and no other provider."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from dailies.providers import names


@pytest.mark.parametrize("name", names())
def test_provider_imports_no_other_provider_when_found(name: str) -> None:
    spec = importlib.util.find_spec(f"dailies.providers.{name}")
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    others = {f"dailies.providers.{other}" for other in names() if other != name}
    assert not imported & others
