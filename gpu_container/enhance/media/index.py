"""One pass over a file's packets, one frame decoded: every fact that planning needs."""

from __future__ import annotations

from enhance.media.facts import Index
from enhance.media.opening import Media


def scan(media: Media) -> Index:
    """Read all packets, decode the first frame, and say what there is.

    Raises:
        BadInputError: `unreadable`, `no_video`, `no_frames`, `encrypted`, `alpha_unsupported`,
            `size_changes`.
    """
    raise NotImplementedError
