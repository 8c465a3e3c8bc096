"""Peer: the loop of Real-ESRGAN's `inference_realesrgan_video.py`, in our own words.

Two ffmpeg programs with pipes of BGR pictures, and between them one frame after the other: read,
to float, to the net's layout, infer, back again, write. One batch, fp32, no thread beside. The net
is as deep and wide as ours, on RGB as that script's nets are, with random weights: speed does not
depend on them. Runs where torch is: `.venv-torch/bin/python -m bench.enhance.script_loop`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import imageio_ffmpeg
import numpy as np


def main(argv: list[str]) -> int:
    """Enhance a clip; print the frames and the seconds of the loop as a line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--size", type=int, nargs=2, required=True, help="width, height")
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--encode", type=json.loads, required=True, help="the writer's arguments")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(argv)
    import torch  # pyright: ignore[reportMissingImports]

    net = _net(torch.nn).to(args.device).eval()
    width, height = args.size
    with torch.no_grad():
        _enhance(torch, net, np.zeros((height, width, 3), np.uint8), args.device)
        begun = time.monotonic()
        frames = _loop(torch, net, args)
    print(json.dumps({"frames": frames, "wall_s": time.monotonic() - begun}))
    return 0


def _net(nn: Any, features: int = 16, depth: int = 4) -> Any:
    layers = [nn.Conv2d(3, features, 3, padding=1), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Conv2d(features, features, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(features, 12, 3, padding=1), nn.PixelShuffle(2))


def _loop(torch: Any, net: Any, args: argparse.Namespace) -> int:
    width, height = args.size
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24"]
    read = [*program, "-nostdin", "-i", args.source, "-frames:v", str(args.frames), *raw, "pipe:1"]
    size = ["-s", f"{2 * width}x{2 * height}", "-r", "25"]
    write = [*program, "-y", *raw, *size, "-i", "pipe:0", "-pix_fmt", "yuv420p", *args.encode]
    frames = 0
    with (
        subprocess.Popen(read, stdout=subprocess.PIPE) as reader,
        subprocess.Popen([*write, args.output], stdin=subprocess.PIPE) as writer,
    ):
        assert reader.stdout is not None and writer.stdin is not None  # noqa: S101
        while picture := reader.stdout.read(width * height * 3):
            array = np.frombuffer(picture, np.uint8).reshape(height, width, 3)
            writer.stdin.write(_enhance(torch, net, array, args.device).tobytes())
            frames += 1
        writer.stdin.close()
        if reader.wait() or writer.wait():
            raise RuntimeError("ffmpeg failed")
    return frames


def _enhance(torch: Any, net: Any, bgr: np.ndarray, device: str) -> np.ndarray:
    rgb = bgr.astype(np.float32)[:, :, ::-1] / 255
    planes = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float()
    batch = planes.unsqueeze(0).to(device)
    base = torch.nn.functional.interpolate(batch, scale_factor=2, mode="nearest")
    result = net(batch) + base
    if device == "cuda":
        torch.cuda.synchronize()
    back = result.squeeze(0).float().cpu().clamp(0, 1).numpy()
    return (back[::-1].transpose(1, 2, 0) * 255).round().astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
