"""What each step's handler returns, word by word: the files that workflow tests feed in.

`python -m tests.unit.handlers.test_golden_steps` writes them anew.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from dailies.domain.steps import EnhanceResult, FailureResult, Outcome, StepResult
from tests.workflow.chaos import STORIES
from tests.workflow.faults import Faults

FOLDER = Path(__file__).parents[2] / "fixtures" / "steps"
JOB_ID = "job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P"


@cache
def produced() -> dict[str, dict[str, Any]]:
    """Return the first result of each kind that the handlers return in any story."""
    found: dict[str, dict[str, Any]] = {}
    for stories in STORIES.values():
        for story in stories:
            stage, _ = story.tell(Faults())
            for step, result in stage.results:
                word = result.get("outcome") or result["error"]
                found.setdefault(f"{step.lower()}_{word.lower()}", _renamed(result))
    return dict(sorted(found.items()))


def _renamed(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result as of the one job of these files."""
    text = json.dumps(result).replace(result["job_id"].removeprefix("job_"), JOB_ID[4:])
    return json.loads(text)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_handler_returns_what_workflows_are_fed(path: Path) -> None:
    assert produced()[path.stem] == json.loads(path.read_text("utf-8"))


def test_every_kind_of_result_has_its_file() -> None:
    assert list(produced()) == sorted(path.stem for path in FOLDER.glob("*.json"))


_MODELS: dict[str, type[BaseModel]] = {"fail": FailureResult, "enhance": EnhanceResult}


def test_results_are_references_and_words_only() -> None:
    for name, result in produced().items():
        model = _MODELS.get(name.partition("_")[0], StepResult)
        assert set(result) == set(model.model_fields), name


def test_every_word_is_said_by_some_step() -> None:
    said = {result.get("outcome") for result in produced().values()} - {None}
    assert said | {Outcome.SUPERSEDED} == set(Outcome)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, result in produced().items():
        (FOLDER / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
