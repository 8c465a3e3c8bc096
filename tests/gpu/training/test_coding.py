import numpy as np
import pytest

from enhance.training.coding import coded


def _moving(frames: int) -> list[np.ndarray]:
    y, x = np.mgrid[0:48, 0:64]
    return [(128 + 80 * np.sin((x + 2 * i) / 5 + y / 9)).astype(np.uint8) for i in range(frames)]


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", {"crf": "23", "preset": "medium"}), ("mpeg4", {"qmin": "5", "qmax": "5"})],
)
def test_every_frame_comes_back_in_order_when_coded(codec: str, options: dict[str, str]) -> None:
    frames = _moving(11)  # more than the encoder holds back

    after = coded(frames, codec, options)

    assert len(after) == 11
    for one, two in zip(frames, after, strict=True):
        assert two.shape == one.shape
        assert 0 < np.abs(one.astype(int) - two).mean() < 6


def test_coding_costs_more_detail_when_the_quality_is_lower() -> None:
    frames = _moving(6)
    errors = [
        np.abs(
            np.stack(frames).astype(int) - np.stack(coded(frames, "libx264", {"crf": crf}))
        ).sum()
        for crf in ("12", "33")
    ]

    assert errors[0] < errors[1]


def test_coding_is_repeatable() -> None:
    frames = _moving(5)
    first, again = (np.stack(coded(frames, "libx264", {"crf": "28"})) for _ in range(2))

    assert (first == again).all()
