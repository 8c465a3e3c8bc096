"""Which engine and precision open, and that a GPU that is not there is said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from enhance.engines import open_compute
from enhance.engines.choice import bf16_gain
from enhance.engines.seam import PlaneGraph
from enhance.errors import NoDeviceError
from enhance.exits import ExitCode
from enhance.frames import Plane


class _Timed:
    """A compute whose every frame takes the same time on a clock of the test's."""

    depth = 1

    def __init__(self, seconds: float, clock: _Clock) -> None:
        self._seconds = seconds
        self._clock = clock

    def load(self, graph: PlaneGraph) -> _Timed:
        return self

    def start(self, planes: Sequence[Plane]) -> _Timed:
        self._clock.now += self._seconds
        return self

    def result(self) -> tuple[Plane, ...]:
        return ()


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_cpu_opens_with_openvino_and_says_why_it_took_its_precision() -> None:
    compute = open_compute("cpu", "auto", threads=1)

    assert (compute.device, compute.engine) == ("cpu", "openvino")
    assert compute.precision in ("fp32", "bf16")
    assert "times the speed of fp32" in compute.notes[0]
    assert compute.name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_demanded_precision_is_taken_without_a_probe(precision) -> None:
    compute = open_compute("cpu", precision, threads=1)

    assert compute.precision == precision
    assert compute.notes == ()


def test_fp16_on_a_cpu_becomes_fp32_and_is_said() -> None:
    compute = open_compute("cpu", "fp16", threads=1)

    assert compute.precision == "fp32"
    assert compute.notes == ("precision fp16 is for GPUs: fp32",)


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed: it may see a GPU")
def test_a_demanded_gpu_that_is_absent_is_an_error_and_never_the_cpu() -> None:
    with pytest.raises(NoDeviceError) as caught:
        open_compute("cuda")

    assert caught.value.code == "cuda_missing"
    assert caught.value.exit_code is ExitCode.NO_DEVICE


def test_the_portable_engine_names_itself() -> None:
    compute = open_compute("cpu", "bf16", engine="onnxruntime")

    assert (compute.engine, compute.precision) == ("onnxruntime", "fp32")
    assert any("onnxruntime is slower" in note for note in compute.notes)
    assert any("bf16 is not at hand" in note for note in compute.notes)


@pytest.mark.parametrize(("fp32_s", "bf16_s"), [(0.02, 0.01), (0.01, 0.02)])
def test_the_probe_measures_how_much_faster_bf16_is(fp32_s: float, bf16_s: float) -> None:
    clock = _Clock()

    gain = bf16_gain(_Timed(fp32_s, clock), _Timed(bf16_s, clock), clock)  # pyright: ignore

    assert gain == pytest.approx(fp32_s / bf16_s)


def test_opening_openvino_tells_nobody() -> None:
    """In a process of its own: importing openvino reports the import where it can."""
    script = (
        "from enhance.engines import open_compute; open_compute('cpu', 'fp32'); import sys;"
        "from openvino.tools.ovc import telemetry_utils;"
        "print(sys.modules['openvino_telemetry'], telemetry_utils.tm.__name__)"
    )

    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "gpu_container"},
        cwd=Path(__file__).parents[3],
    )

    assert run.stdout.split() == ["None", "openvino.tools.ovc.telemetry_stub"]


def test_a_signal_is_heard_after_a_compute_is_gone() -> None:
    program = """
import gc, os, signal
from enhance.engines import open_compute

def probe():
    open_compute("cpu")

probe()
gc.collect()
heard = []
signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
os.kill(os.getpid(), signal.SIGTERM)
assert heard == [signal.SIGTERM]
"""
    root = Path(__file__).parents[3] / "gpu_container"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
