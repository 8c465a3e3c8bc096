"""Training itself: repeatable, resumable, and it learns. Needs torch: `make test-torch`."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from enhance.errors import BadInputError, NoDeviceError  # noqa: E402
from enhance.training import command, gate, weights  # noqa: E402
from enhance.training.drawings import art  # noqa: E402
from enhance.training.loop import Progress, Training, rate_at  # noqa: E402
from enhance.training.net import LumaNet, base, build  # noqa: E402
from enhance.training.pairs import Corpus, corpus, shrunk  # noqa: E402
from enhance.training.recipe import RECIPES, Recipe  # noqa: E402

SHORT = Recipe("luma-x2-clean", 2, "clean", steps=24, batch=4, patch=16)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def drawn() -> Corpus:
    large = art(np.random.default_rng(3))
    pair = (shrunk(large, 2, Image.Resampling.BICUBIC), large)
    return Corpus(([pair], [pair]), SHORT)


def _same(one: weights.Weights, two: weights.Weights) -> bool:
    return one.keys() == two.keys() and all((one[key] == two[key]).all() for key in one)


def test_two_runs_give_the_same_weights_when_the_seed_is_the_same(drawn: Corpus) -> None:
    runs = [
        Training(drawn),
        Training(drawn),
        Training(replace(drawn, recipe=replace(SHORT, seed=1))),
    ]
    for run in runs:
        run.run()

    assert _same(runs[0].weights, runs[1].weights)
    assert not _same(runs[0].weights, runs[2].weights)


def test_a_resumed_run_ends_as_an_unbroken_one(drawn: Corpus, tmp_path: Path) -> None:
    whole, broken, resumed = Training(drawn), Training(drawn), Training(drawn)
    whole.run()

    broken.run(checkpoint=tmp_path / "run.pt", every=5, until=10)
    resumed.resume(tmp_path / "run.pt")

    assert resumed.step == 10
    resumed.run()
    assert _same(resumed.weights, whole.weights)


def test_a_checkpoint_is_refused_when_it_is_of_another_recipe(
    drawn: Corpus, tmp_path: Path
) -> None:
    Training(drawn).run(checkpoint=tmp_path / "run.pt", until=1)
    other = Training(replace(drawn, recipe=replace(SHORT, seed=5)))

    with pytest.raises(ValueError, match="another recipe"):
        other.resume(tmp_path / "run.pt")


def test_the_loss_falls(drawn: Corpus) -> None:
    said: list[Progress] = []
    longer = replace(drawn, recipe=replace(SHORT, steps=240, batch=8))

    Training(longer).run(said.append, every=40)

    assert [one.step for one in said] == [40, 80, 120, 160, 200, 240]
    assert said[-1].loss < 0.9 * said[0].loss
    assert said[-1].eta_s == 0


def test_the_rate_rises_then_falls() -> None:
    rates = [rate_at(step, replace(SHORT, steps=1000)) for step in range(1000)]

    assert rates.index(max(rates)) == pytest.approx(100, abs=2)
    assert max(rates) == pytest.approx(1)
    assert 0 < rates[-1] < 0.01


def test_the_engine_runs_the_net_that_was_trained(drawn: Corpus, tmp_path: Path) -> None:
    """The file, through the product's own engine, gives what torch gives."""
    training = Training(drawn)
    training.run()
    file = tmp_path / "net.safetensors"
    weights.save(file, training.weights, {"scale": "2"})
    luma = drawn.groups[0][0][0]
    net = build(SHORT)
    net.load_state_dict(training.mean)

    with torch.no_grad():
        small = torch.from_numpy(luma.astype(np.float32))[None, None] / 255
        large = ((base(small, 2) + net(small)) * 255).round().clamp(0, 255)[0, 0].numpy()

    difference = np.abs(large - gate.at_work(file)(luma))
    assert difference.max() <= 2  # half precision
    assert difference.mean() < 0.1


@pytest.mark.parametrize("model", RECIPES)
def test_the_pictures_of_a_recipe_are_the_same_when_the_seed_is(model: str) -> None:
    few = replace(RECIPES[model], batch=4)
    one, two = (corpus(few, drawings=6).batch(2) for _ in range(2))

    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert one[1].shape[-1] == few.scale * one[0].shape[-1]


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


def test_the_command_writes_a_net_and_says_how_far_it_is(tmp_path: Path, capsys) -> None:
    output = tmp_path / "net.safetensors"
    words = f"--model luma-x2-clean --steps 3 --seed 4 --no-gate --output {output}".split()

    assert command.run(_arguments(*words)) == 0

    loaded, header = weights.load(output)
    assert loaded["conv.0.weight"].shape == (16, 1, 3, 3)
    assert (header["architecture"], header["scale"], header["seed"]) == ("luma", "2", "4")
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["step"], last["steps"]) == (3, 3)


def test_the_gate_refuses_a_net_when_it_is_no_better_than_bicubic(tmp_path: Path, capsys) -> None:
    zeros = {
        key: np.zeros(tuple(value.shape), np.float32)
        for key, value in LumaNet(4, 1, 2).state_dict().items()
    }
    file, metrics = tmp_path / "zero.safetensors", tmp_path / "metrics.json"
    weights.save(file, zeros, {"scale": "2", "variant": "clean"})

    with pytest.raises(BadInputError, match="stills_db gains") as caught:
        command.run(_arguments("--gate", str(file), "--metrics", str(metrics)))

    assert caught.value.code == "gate_missed"
    figures = json.loads(metrics.read_text())["gate"]
    assert abs(figures["stills_db"]) < 0.01
    assert abs(figures["pan_neg_crf23"]) < 0.1


def test_a_gpu_is_never_replaced_by_the_cpu(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    with pytest.raises(NoDeviceError):
        command.run(_arguments("--model", "luma-x2-clean", "--device", "cuda", "--no-gate"))


@pytest.mark.gpu
def test_training_runs_on_a_gpu(drawn: Corpus) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    training = Training(drawn, "cuda")
    training.run()

    assert all(np.isfinite(array).all() for array in training.weights.values())
