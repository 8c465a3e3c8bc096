"""From a weights file to a net; and the nets that come with the program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from enhance.errors import BadInputError
from enhance.nets import architectures, foreign, weights
from enhance.nets.net import Net

_SHIPPED = Path(__file__).parent / "shipped"


def load_net(path: Path, sha256: str | None = None) -> Net:
    """Read a weights file and recognise its net.

    Args:
        path: `.safetensors`, or `.pth`.
        sha256: What the file must be; None trusts it, as only our own files are.

    Raises:
        BadInputError: The file is not the one named, not readable, or of no known architecture.
    """
    arrays, header, digest = weights.read(path, sha256)
    net = architectures.recognise(arrays) or foreign.recognise(arrays)
    if net is None:
        raise BadInputError(
            "weights_unknown",
            f"{path.name} is of none of the architectures {', '.join(architectures.names())}:"
            " install the spandrel extra, which knows more",
        )
    return replace(net, name=path.stem, sha256=digest, details=header)


def shipped_names() -> list[str]:
    """Nets that come with the program: what is on disk."""
    return sorted(path.stem for path in _SHIPPED.glob("*.safetensors"))


def shipped_net(name: str) -> Net:
    """One of ours.

    Raises:
        BadInputError: `model_unknown`.
    """
    if name not in shipped_names():
        raise BadInputError(
            "model_unknown", f"no model {name} ships; there are {', '.join(shipped_names())}"
        )
    return load_net(_SHIPPED / f"{name}.safetensors")


def describe() -> list[dict[str, Any]]:
    """Say of each shipped net what it is and how it was trained."""
    nets = [shipped_net(name) for name in shipped_names()]
    return [
        {
            "name": net.name,
            "architecture": net.architecture,
            "scale": net.scale,
            "colour": net.colour,
            "parameters": net.parameters,
            "sha256": net.sha256,
            **{key: value for key, value in net.details.items() if key not in ("scale",)},
        }
        for net in nets
    ]
