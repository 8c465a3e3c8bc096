"""Weights files: recognised by shape, checked before they are read, refused by name."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from enhance.errors import BadInputError
from enhance.nets import describe, load_net, shipped_names, shipped_net
from tests.gpu import random_weights as weights

KNOWN = [
    ("luma", weights.luma(2), 2, 4),
    ("luma", weights.luma(1), 1, 4),
    *(("compact", weights.compact(scale), scale, 4) for scale in (1, 2, 3, 4)),
    *(("rrdb", weights.rrdb(scale), scale, 20 * (4 // scale)) for scale in (1, 2, 4)),
    ("rrdb", weights.old_rrdb(2), 4, 35),
    ("span", weights.span(2), 2, 21),
    ("span", weights.span(4, merged=True), 4, 21),
]


@pytest.mark.parametrize(("architecture", "state", "scale", "radius"), KNOWN)
def test_a_net_is_recognised_by_its_shapes(
    architecture: str, state: weights.State, scale: int, radius: int, tmp_path: Path
) -> None:
    file = weights.saved(tmp_path / "any.safetensors", state)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    net = load_net(file, digest)

    assert (net.architecture, net.scale) == (architecture, scale)
    assert net.colour == ("luma" if architecture == "luma" else "rgb")
    assert net.multiple == (4 // scale if architecture == "rrdb" else 1)
    assert net.radius >= radius
    assert (net.name, net.sha256) == ("any", digest)
    assert net.parameters == sum(array.size for array in state.values())


def _without(state: weights.State, key: str) -> weights.State:
    return {name: array for name, array in state.items() if name != key}


STRANGE = {
    "nothing known": {"alpha": np.zeros((3, 3), np.float32)},
    "empty": {},
    "a luma net without a bias": _without(weights.luma(), "conv.1.bias"),
    "a compact net without a slope": _without(weights.compact(), "body.1.weight"),
    "rrdb without a layer": _without(weights.rrdb(), "body.0.rdb2.conv3.weight"),
    "span without a block": _without(weights.span(), "block_4.c2_r.conv.1.weight"),
    "five channels out": weights.luma()
    | {"conv.3.weight": np.zeros((5, 4, 3, 3), np.float32), "conv.3.bias": np.zeros(5, np.float32)},
    "not a convolution": weights.luma() | {"conv.0.weight": np.zeros(4, np.float32)},
}


@pytest.mark.parametrize("name", STRANGE)
def test_weights_of_no_known_net_name_the_extra_that_knows_more(name: str, tmp_path: Path) -> None:
    file = weights.saved(tmp_path / "strange.safetensors", STRANGE[name])

    with pytest.raises(BadInputError, match="spandrel") as caught:
        load_net(file)

    assert caught.value.code == "weights_unknown"


def test_a_file_with_another_checksum_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    file.write_bytes(b"not weights at all")

    with pytest.raises(BadInputError) as caught:
        load_net(file, "0" * 64)

    assert caught.value.code == "weights_changed"


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff" * 64, (1 << 60).to_bytes(8, "little") + b"{}"]
)
def test_a_file_that_is_not_safetensors_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    file.write_bytes(content)

    with pytest.raises(BadInputError) as caught:
        load_net(file)

    assert caught.value.code == "weights_unreadable"


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        load_net(tmp_path / "none.safetensors")

    assert caught.value.code == "weights_missing"


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed, and reads pickles")
def test_a_pickle_without_torch_names_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    file.write_bytes(b"PK\x03\x04")

    with pytest.raises(BadInputError, match="safetensors") as caught:
        load_net(file)

    assert caught.value.code == "weights_need_torch"


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    state = weights.luma()
    halves = {key: array.astype(np.float16) for key, array in state.items()}

    net = load_net(weights.saved(tmp_path / "half.safetensors", halves))

    assert net.architecture == "luma"


def test_the_shipped_nets_are_what_their_names_say() -> None:
    listed = {row["name"]: row for row in describe()}

    assert sorted(listed) == shipped_names()
    for name, row in listed.items():
        architecture, scale, _ = name.split("-")
        assert (row["architecture"], f"x{row['scale']}") == (architecture, scale)
        assert shipped_net(name).sha256 == row["sha256"]


def test_an_unknown_name_lists_those_that_ship() -> None:
    with pytest.raises(BadInputError, match="luma-x2-clean") as caught:
        shipped_net("none")

    assert caught.value.code == "model_unknown"
