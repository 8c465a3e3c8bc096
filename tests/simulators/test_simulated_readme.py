"""The README of the simulators shows scenarios that work, and all there is to order."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from local.simulators import Scenario, scenario

_README = (Path(scenario.__file__).parent / "README.md").read_text("utf-8")
_EXAMPLES = re.findall(r"```json\n(.*?)```", _README, re.DOTALL)


@pytest.mark.parametrize("example", _EXAMPLES)
def test_example_is_accepted_when_loaded(example: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(example)

    loaded = Scenario.load(path)

    assert loaded.model_dump(exclude_unset=True).keys() == json.loads(example).keys()


def test_every_fault_is_described_when_it_can_be_ordered() -> None:
    union = get_args(scenario.AnyAction)[0]
    kinds = {get_args(action.model_fields["kind"].annotation)[0] for action in get_args(union)}

    described = set(re.findall(r"^\| `(\w+)` \|", _README, re.MULTILINE))

    assert len(_EXAMPLES) >= 5
    assert kinds == described - {"kind"}  # the heading of each table
