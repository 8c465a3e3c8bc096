from pathlib import Path

import numpy as np

from enhance.training import weights


def test_weights_and_header_come_back_as_saved(tmp_path: Path) -> None:
    file = tmp_path / "new" / "net.safetensors"
    arrays = {"conv.0.weight": np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)}

    weights.save(file, arrays, {"architecture": "luma", "scale": "2"})
    loaded, header = weights.load(file)

    assert (loaded["conv.0.weight"] == arrays["conv.0.weight"]).all()
    assert header == {"architecture": "luma", "scale": "2"}
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in file.parent.iterdir()] == ["net.safetensors"]
