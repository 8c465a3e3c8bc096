"""The peer of the benchmark: it must do all of its work, or beating it says nothing."""

import json
from pathlib import Path

import av
import pytest

pytest.importorskip("torch")

from bench.enhance import script_loop
from tests.gpu.clips import plain


def test_every_frame_is_enlarged_and_coded(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    output = tmp_path / "peer.mp4"
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18"]
    size = ["--size", "96", "64", "--frames", "12"]

    script_loop.main([str(plain(12)), str(output), *size, "--encode", json.dumps(encode)])

    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == 12
    assert told["wall_s"] > 0
    with av.open(str(output)) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(192, 128)] * 12
