"""Real-ESRGAN's Compact nets (`SRVGGNetCompact`): a plain stack of convolutions with PReLU.

Keys: `body.<2i>` convolutions, `body.<2i+1>` the PReLUs between them. The result is a residual on
the nearest enlargement. The source says 1x to 4x by the number of channels that come out.
"""

from __future__ import annotations

from enhance.graph import GraphWriter
from enhance.nets.net import Net, State, parameters


def recognise(state: State) -> Net | None:
    """Say what net these weights are, or None if they are not of this kind."""
    depth = sum(1 for key, array in state.items() if key.startswith("body.") and array.ndim == 4)
    convs = [f"body.{2 * i}" for i in range(depth)]
    slopes = [f"body.{2 * i + 1}.weight" for i in range(depth - 1)]
    expected = {f"{name}.{part}" for name in convs for part in ("weight", "bias")} | set(slopes)
    if depth < 2 or set(state) != expected:
        return None
    channels = 3
    for name in convs:
        if state[f"{name}.weight"].shape[1:] != (channels, 3, 3):
            return None
        channels = state[f"{name}.weight"].shape[0]
    scale = round((channels / 3) ** 0.5)
    if 3 * scale * scale != channels or not 1 <= scale <= 4:
        return None

    def body(graph: GraphWriter, value: str) -> str:
        return _body(graph, value, state, depth, scale)

    return Net(
        architecture="compact",
        scale=scale,
        colour="rgb",
        radius=depth,
        multiple=1,
        half=True,
        parameters=parameters(state),
        body=body,
    )


def _body(graph: GraphWriter, picture: str, state: State, depth: int, scale: int) -> str:
    value = picture
    for i in range(depth):
        weight, bias = state[f"body.{2 * i}.weight"], state[f"body.{2 * i}.bias"]
        value = graph.conv(value, f"body.{2 * i}", weight, bias)
        if i < depth - 1:
            slope = state[f"body.{2 * i + 1}.weight"].reshape(-1, 1, 1)
            inputs = [value, graph.constant(f"body.{2 * i + 1}.weight", slope)]
            value = graph.node("PRelu", inputs, f"body.{2 * i + 1}")
    # The nearest enlargement, before the shuffle: each channel once per sample of a block.
    index = graph.constant("nearest", [c for c in range(3) for _ in range(scale * scale)])
    base = graph.node("Gather", [picture, index], "base", axis=1)
    value = graph.node("Add", [value, base], "sum")
    return value if scale == 1 else graph.shuffle(value, "shuffled", scale)
