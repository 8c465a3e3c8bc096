"""What two neighbouring pictures are to each other: the same, one scene, or two."""

from __future__ import annotations

from typing import Final

from enhance.stages.flow import PairMotion

_SAME_LEVELS: Final = 6.0
"""Pictures that differ by less on average are looked at no further."""
_LEFT_LEVELS: Final = 4.0
_LEFT_CONTRAST: Final = 0.3
"""With motion taken out, another scene leaves this much of the pictures' contrast. Measured on
clips of 640 x 360: motion of all kinds left up to an eighth of it, cuts more than half."""
_REPEATED_LEVELS: Final = 1.0
"""Coding noise on a held picture moves the mean of no tile further, motion that shows does."""


def is_repeat(pair: PairMotion) -> bool:
    """Tell whether the second picture shows the first once more."""
    return pair.most_changed < _REPEATED_LEVELS


def is_cut(pair: PairMotion) -> bool:
    """Tell whether a picture between these two would show neither."""
    if pair.difference < _SAME_LEVELS:
        return False
    left = pair.disagreement
    return left > _LEFT_LEVELS and left > _LEFT_CONTRAST * pair.contrast
