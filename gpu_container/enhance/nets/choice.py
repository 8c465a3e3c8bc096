"""Which net a stage runs: the one that the spec names, or one of ours that suits the source."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from enhance.errors import BadInputError
from enhance.frames import StreamFacts
from enhance.nets.load import load_net, shipped_net
from enhance.nets.net import Net
from enhance.spec import ModelChoice, Weights

CLEAN_FROM = 0.2
"""Bits per pixel from which a source counts as clean: x264 at crf 12 gives that on film, crf 23
about a third of it. Where it is unknown (0) the source is taken as coded, as nearly all are."""


def sr_net(choice: ModelChoice, facts: StreamFacts) -> tuple[Net, str]:
    """Pick the net that enlarges, and say why.

    Raises:
        BadInputError: No such model, or a file that is not weights of a known net.
    """
    if choice == "auto":
        clean = facts.bits_per_pixel >= CLEAN_FROM
        name = "luma-x2-clean" if clean else "luma-x2-codec"
        why = f"{facts.bits_per_pixel:.2f} bits per pixel" if facts.bits_per_pixel else "a guess"
        return shipped_net(name), f"model {name} ({why})"
    return _named(choice)


def denoise_net(choice: ModelChoice) -> tuple[Net, str]:
    """Pick the net that cleans at the same size, and say why.

    Raises:
        BadInputError: As `sr_net`; or `model_scale` when the net makes frames larger.
    """
    net, why = _named("luma-x1-deblock" if choice == "auto" else choice)
    if net.scale != 1:
        raise BadInputError(
            "model_scale", f"{net.name} enlarges {net.scale} times: denoise takes a 1x net"
        )
    return net, why


def _named(choice: str | Weights) -> tuple[Net, str]:
    if isinstance(choice, str):
        return shipped_net(choice), f"model {choice}"
    net = load_net(_local(choice.uri), choice.sha256)
    return net, f"model of one's own: {net.architecture} x{net.scale}, sha256 {net.sha256[:12]}"


def _local(uri: str) -> Path:
    """Weights elsewhere are fetched before a chain is built: see `storage`."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme == "" or len(parts.scheme) == 1:
        return Path(uri)
    raise BadInputError("weights_remote", f"{uri} must be fetched first: give the file's path")
