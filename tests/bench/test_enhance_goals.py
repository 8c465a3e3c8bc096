from pathlib import Path

import pytest

from bench.enhance import contest, gpu
from bench.enhance.__main__ import PARTS
from bench.enhance.goals import Goal, status
from bench.enhance.machine import Machine
from bench.enhance.material import Material


@pytest.mark.parametrize(
    ("got", "verdict"), [(3.5, "met"), (3.49, "missed"), (None, "skipped"), (0.0, "missed")]
)
def test_a_goal_is_met_only_by_a_measurement_that_reaches_it(got, verdict: str) -> None:
    goal = Goal("speed", got, 3.5, note="why")

    assert goal.verdict == verdict
    assert verdict in str(goal)
    assert "why" in str(goal)


def test_the_exit_status_tells_a_miss() -> None:
    met, missed, skipped = (Goal("a", got, 1.0) for got in (2.0, 0.5, None))

    assert status([met, skipped]) == 0
    assert status([met, missed, skipped]) == 1


def test_contestants_take_turns_and_the_best_round_counts() -> None:
    turns: list[str] = []
    speeds = {"one": iter([1.0, 5.0, 2.0]), "two": iter([3.0, 2.0, 1.0])}

    def contestant(name: str):
        def run() -> float:
            turns.append(name)
            return next(speeds[name])

        return run

    best = contest.best_of({name: contestant(name) for name in speeds}, 3)

    assert best == {"one": 5.0, "two": 3.0}
    assert turns == ["one", "two"] * 3


def test_a_child_has_malloc_settings_only_when_it_is_given_them() -> None:
    given = {"PATH": "/bin", "MALLOC_ARENA_MAX": "1"}

    plain = contest.environment(malloc=False, given=given)

    assert plain["PATH"] == "/bin"
    assert not [key for key in plain if key.startswith("MALLOC_")]
    assert contest.environment(malloc=True, given=given) == plain | contest.MALLOC


def test_a_child_that_fails_is_an_error_with_its_words() -> None:
    with pytest.raises(RuntimeError, match="No module named"):
        contest.child("bench.enhance.nobody")


def test_the_machine_says_what_it_computes_bf16_with() -> None:
    assert "no bf16 in hardware; no GPU" in str(Machine("Some CPU", 2, "", ""))
    assert "bf16 in hardware (amx_bf16); H200" in str(Machine("Some CPU", 2, "amx_bf16", "H200"))


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="there is a GPU here")
def test_the_gpu_part_is_skipped_by_name_when_there_is_no_gpu(tmp_path: Path) -> None:
    goals = gpu.gpu(Material(tmp_path), 1)

    assert [goal.verdict for goal in goals] == ["skipped", "skipped"]
    assert all("no GPU here" in goal.note for goal in goals)


def test_every_row_of_the_table_has_a_part() -> None:
    assert list(PARTS) == [
        "script", "models", "lanczos", "interpolation", "bound", "through", "memory", "gpu",
    ]  # fmt: skip
