"""Our own nets: a few 3x3 convolutions on luma alone, ReLU between, a residual on bicubic.

ReLU and 16 features because a CPU's matrix units like them. Keys: `conv.<i>.weight`,
`conv.<i>.bias`.
"""

from __future__ import annotations

from enhance.graph import GraphWriter
from enhance.nets.net import Net, State, parameters


def recognise(state: State) -> Net | None:
    """Say what net these weights are, or None if they are not of this kind."""
    depth = sum(1 for key in state if key.startswith("conv.") and key.endswith(".weight"))
    weights = [state.get(f"conv.{i}.weight") for i in range(depth)]
    biases = [state.get(f"conv.{i}.bias") for i in range(depth)]
    if depth < 2 or len(state) != 2 * depth:
        return None
    channels = 1
    for weight, bias in zip(weights, biases, strict=True):
        if weight is None or bias is None or weight.shape[1:] != (channels, 3, 3):
            return None
        channels = weight.shape[0]
        if bias.shape != (channels,):
            return None
    scale = round(channels**0.5)
    if scale * scale != channels or scale > 4:
        return None

    def body(graph: GraphWriter, value: str) -> str:
        for i in range(depth):
            weight, bias = state[f"conv.{i}.weight"], state[f"conv.{i}.bias"]
            value = graph.conv(value, f"conv.{i}", weight, bias)
            if i < depth - 1:
                value = graph.node("Relu", [value], f"relu.{i}")
        return value

    return Net(
        architecture="luma",
        scale=scale,
        colour="luma",
        radius=depth,
        multiple=1,
        half=True,
        parameters=parameters(state),
        body=body,
    )
