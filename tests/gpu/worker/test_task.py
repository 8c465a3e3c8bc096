"""The child's side: its spec, its places, and the line to its worker."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from enhance.errors import BadInputError
from enhance.interruption import Interruption
from enhance.spec import JobSpec
from enhance.storage import StoreError
from enhance.worker.task import Signer, crashed, places_of, refuse, spec_in
from enhance.worker.wire import Wire

TASK = "enh_01K00000000000000000000001-1"
SPEC: dict[str, Any] = {
    "v": 1,
    "task_id": TASK,
    "source": {"uri": "s3://media/uploads/a.mp4"},
    "output": "s3://media/outputs/x.mp4",
    "work": "s3://media/enhance/x/",
    "stages": [{"name": "sr", "model": {"uri": "s3://media/models/m.pth", "sha256": "ab" * 32}}],
}


class OneObject:
    """A store with one document that can be read, and what was put."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.put_names: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        assert name == "spec.json"
        return self._content

    def put(self, name: str, content: bytes, *, replace: bool = True) -> bool:
        self.put_names[name] = content
        return True


def spec(chosen: str | None, **changed: Any) -> JobSpec:
    store: Any = OneObject(json.dumps(SPEC | changed).encode())
    return spec_in(store, chosen)


@pytest.fixture
def wires() -> Iterator[tuple[Wire, Wire]]:
    """The worker's end, and the child's."""
    ours, theirs = (Wire(end) for end in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_worker_chooses_the_device_only_where_the_spec_leaves_it_open() -> None:
    assert spec(None).device == "auto"
    assert spec("cpu").device == "cpu"
    assert spec("cpu", device="cuda").device == "cuda"


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"v": 2}'])
def test_bad_spec_is_reported_by_name(content: bytes) -> None:
    store: Any = OneObject(content)
    with pytest.raises(BadInputError) as caught:
        spec_in(store, None)

    report = refuse(store, TASK, caught.value)

    assert (report.outcome, report.code) == ("bad_input", "bad_spec")
    assert json.loads(store.put_names["report.json"])["task_id"] == TASK


def test_places_are_names_that_a_lease_knows(wires: tuple[Wire, Wire]) -> None:
    store = Signer(wires[1], Interruption()).store

    found = places_of(spec(None), store)

    assert (found.source.name, found.output.name, found.work) == ("source", "output", store)
    assert found.item("s3://media/models/m.pth").name == f"models/{'ab' * 32}"


def test_crash_is_an_internal_outcome() -> None:
    report = crashed(TASK, "SIGSEGV")

    assert (report.outcome, report.code, report.retryable) == ("internal", "crashed", False)
    assert "SIGSEGV" in report.message


class TestWire:
    def test_urls_are_asked_for_and_offered(self, wires: tuple[Wire, Wire]) -> None:
        ours, theirs = wires
        signer = Signer(theirs, Interruption())

        def answer() -> None:
            asked = next(iter(ours))
            assert (asked["method"], asked["names"]) == ("GET", ["source"])
            ours.send(method="PUT", urls={"output": "offered"})
            ours.send(ask=asked["ask"], urls={"source": "signed"})

        threading.Thread(target=answer, daemon=True).start()

        assert signer.sign("GET", ["source"]) == {"source": "signed"}
        assert signer.store._url("PUT", "output") == "offered"

    def test_nothing_is_waited_for_when_the_worker_is_gone(self, wires: tuple[Wire, Wire]) -> None:
        ours, theirs = wires
        interruption = Interruption()
        signer = Signer(theirs, interruption)

        ours.close()

        with pytest.raises(StoreError):
            signer.sign("GET", ["source"])
        assert interruption.wait(10)
        assert interruption.reason == "the worker is gone"

    def test_refusal_is_an_error_of_the_store(self, wires: tuple[Wire, Wire]) -> None:
        ours, theirs = wires
        signer = Signer(theirs, Interruption())
        threading.Thread(
            target=lambda: ours.send(ask=next(iter(ours))["ask"], urls=None), daemon=True
        ).start()

        with pytest.raises(StoreError):
            signer.sign("GET", ["source"])
