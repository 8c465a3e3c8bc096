"""Every function runs on its zip, its layers, the runtime's boto3 and its environment alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.bare_function import bare_packages, environment_of, run_bare
from dailies import settings

HANDLERS = sorted(settings.OF_HANDLER)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return bare_packages(tmp_path_factory.mktemp("bare"))


@pytest.mark.parametrize("handler", HANDLERS)
def test_function_is_built_in_init_when_lambda_imports_it(
    handler: str, packages: list[Path]
) -> None:
    code = (
        f"import dailies.handlers.{handler} as h\n"
        "from dailies import bootstrap\n"
        "assert callable(h.handler)\n"
        f"print(bootstrap.{handler}.cache_info().currsize)"
    )
    environment = environment_of(handler, settings.OF_HANDLER[handler])
    assert run_bare(code, packages, environment).strip() == "1"


def test_garbage_is_looked_for_among_new_objects_only_when_a_function_is_built(
    packages: list[Path],
) -> None:
    code = "import dailies.handlers.plan, gc; print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    environment = environment_of("plan", settings.OF_HANDLER["plan"])
    assert run_bare(code, packages, environment).strip() == "True True"


def test_import_builds_nothing_when_the_environment_is_empty(packages: list[Path]) -> None:
    modules = [f"dailies.handlers.{name}" for name in HANDLERS]
    code = (
        "import importlib, json\n"
        f"for m in {modules!r}: importlib.import_module(m)\n"
        "from dailies.adapters.aws_clients import client\n"
        "print(json.dumps(client.cache_info().currsize))"
    )
    assert json.loads(run_bare(code, packages, {})) == 0


def test_missing_variables_are_named_when_a_function_is_built(packages: list[Path]) -> None:
    with pytest.raises(RuntimeError, match=r"Set these variables of the function: TABLE_NAME\."):
        run_bare("from dailies import bootstrap; bootstrap.plan()", packages, {})
