"""Pickled weights: read as data. Needs torch: `make test-torch`."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from enhance.errors import BadInputError  # noqa: E402
from enhance.nets import load_net  # noqa: E402
from tests.gpu import random_weights as weights  # noqa: E402


def _tensors(state: weights.State):
    return {key: torch.from_numpy(array) for key, array in state.items()}


@pytest.mark.parametrize("key", [None, "params", "params_ema", "state_dict"])
def test_a_checkpoint_is_read_wherever_it_keeps_its_weights(
    key: str | None, tmp_path: Path
) -> None:
    tensors = _tensors(weights.compact(2))
    torch.save(tensors if key is None else {key: tensors, "iter": 7}, tmp_path / "net.pth")

    net = load_net(tmp_path / "net.pth")

    assert (net.architecture, net.scale) == ("compact", 2)


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("by_torch", [True, False], ids=["zip", "bare pickle"])
def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(
    by_torch: bool, tmp_path: Path
) -> None:
    file, mark = tmp_path / "net.pth", tmp_path / "mark"
    content = {"params": _Bomb(mark), **_tensors(weights.compact(2))}
    if by_torch:
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content))

    with pytest.raises(BadInputError) as caught:
        load_net(file)

    assert caught.value.code == "weights_unreadable"
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 and no more", b"\x80\x02."])
def test_a_file_that_is_no_pickle_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    file.write_bytes(content)

    with pytest.raises(BadInputError) as caught:
        load_net(file)

    assert caught.value.code == "weights_unreadable"


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"params": {"name": "x"}}])
def test_a_pickle_without_weights_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")

    with pytest.raises(BadInputError) as caught:
        load_net(tmp_path / "net.pth")

    assert caught.value.code == "weights_unreadable"
