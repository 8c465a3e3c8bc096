"""Nets of other architectures, by spandrel where it is installed: torch modules, not graphs.

They run in torch alone, and only on whole frames: how far they look is not known.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from enhance.graph import GraphWriter
from enhance.nets.net import Net, State, parameters

_EVERYWHERE = 1 << 16


def recognise(state: State) -> Net | None:
    """Ask spandrel; None if it is not installed or does not know the weights either."""
    if find_spec("spandrel") is None or find_spec("torch") is None:
        return None
    _have_torchvision()
    spandrel: Any = importlib.import_module("spandrel")
    torch: Any = importlib.import_module("torch")
    tensors = {key: torch.from_numpy(array) for key, array in state.items()}
    try:
        model = spandrel.ModelLoader("cpu").load_from_state_dict(tensors)
    except Exception:
        # `UnsupportedModelError`, or whatever weights that only look like a known net's lead to.
        return None
    if not isinstance(model, spandrel.ImageModelDescriptor):
        return None
    if (model.input_channels, model.output_channels) != (3, 3):
        return None

    def body(graph: GraphWriter, value: str) -> str:
        return graph.node("Module", [value], "module", domain="enhance")

    return Net(
        architecture=str(model.architecture.id).lower(),
        scale=int(model.scale),
        colour="rgb",
        radius=_EVERYWHERE,
        multiple=max(1, int(model.size_requirements.multiple_of)),
        half=bool(model.supports_half),
        parameters=parameters(state),
        body=body,
        module=model.model.eval(),
    )


def _have_torchvision() -> None:
    """Put an empty torchvision in place of one that is missing or does not load.

    Two of spandrel's architectures import three functions of it, which no net calls here; builds of
    torchvision that do not fit torch's fail on import.
    """
    try:
        importlib.import_module("torchvision.transforms.functional")
    except (ImportError, RuntimeError):
        for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
            sys.modules[name] = ModuleType(name)
        functional: Any = sys.modules["torchvision.transforms.functional"]
        functional.InterpolationMode = functional.rotate = functional.normalize = None
