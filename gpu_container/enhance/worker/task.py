"""`python -m enhance.worker.task`: do one task over signed URLs, as the child of a worker.

It has no credentials: everything it reads and writes comes by the wire, whose socket is the file
descriptor named on the command line.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import sys
import threading
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from enhance.errors import BadInputError, EnhanceError
from enhance.exits import ExitCode
from enhance.interruption import Interruption, on_signals
from enhance.report import Report, Timing, ending, ending_of
from enhance.spec import JobSpec, Weights
from enhance.storage import Item, Store, StoreError
from enhance.storage.places import Places
from enhance.storage.presigned import Method, PresignedStore
from enhance.worker.wire import Wire

_ANSWER_S = 60.0


class Signer:
    """Asks the worker for URLs, and takes those that it offers."""

    def __init__(self, wire: Wire, interruption: Interruption) -> None:
        self._wire = wire
        self._interruption = interruption
        self._numbers = itertools.count()
        self._answers: dict[int, Mapping[str, str] | None] = {}
        self._changed = threading.Condition()
        self._open = True
        self.store = PresignedStore(self.sign)
        threading.Thread(target=self._listen, name="wire", daemon=True).start()

    def sign(self, method: Method, names: Sequence[str]) -> Mapping[str, str]:
        """Return a URL for each name.

        Raises:
            StoreError: the worker has none for us.
        """
        number = next(self._numbers)
        asked = self._wire.send(ask=number, method=method, names=list(names))
        with self._changed:
            self._changed.wait_for(
                lambda: number in self._answers or not (self._open and asked), _ANSWER_S
            )
            urls = self._answers.pop(number, None)
        if urls is None:
            raise StoreError("storage_failed", "The worker got no signed URLs.")
        return urls

    def _listen(self) -> None:
        for message in self._wire:
            if "ask" not in message:
                self.store.offer(message["method"], message["urls"])
                continue
            with self._changed:
                self._answers[message["ask"]] = message["urls"]
                self._changed.notify_all()
        with self._changed:
            self._open = False
            self._changed.notify_all()
        # Whoever started us is gone, and with it the lease: another worker goes on from here.
        self._interruption.request("the worker is gone")


def spec_in(store: Store, device: str | None) -> JobSpec:
    """Read the task's spec; a worker may hold a spec that leaves the device open to one.

    Raises:
        BadInputError: `bad_spec`.
    """
    try:
        spec = JobSpec.model_validate_json(store.read("spec.json"))
    except ValidationError as error:
        raise BadInputError("bad_spec", "The task's spec is not usable.") from error
    if device is not None and spec.device == "auto":
        spec = spec.model_copy(update={"device": device})
    return spec


def places_of(spec: JobSpec, store: PresignedStore) -> Places:
    """Return the task's places, all of them behind signed URLs."""
    chosen = [getattr(step, "model", None) for step in spec.stages]
    models = {one.uri: one.sha256 for one in chosen if isinstance(one, Weights)}
    return Places(
        source=Item(store, "source"),
        output=Item(store, "output"),
        work=store,
        item=lambda uri: Item(store, f"models/{models[uri]}"),
    )


def refuse(store: Store, task_id: str, error: EnhanceError) -> Report:
    """Write the report of a task that could not begin."""
    report = Report(task_id=task_id, **ending_of(error), timing=Timing(wall_s=0, cpu_s=0))
    store.put("report.json", report.model_dump_json(indent=1).encode())
    return report


def crashed(task_id: str, signal_name: str) -> Report:
    """Return the report of a child that could not write its own."""
    told = f"The program crashed ({signal_name}), most likely on what is in the file."
    return Report(
        task_id=task_id,
        **ending(ExitCode.INTERNAL, "crashed", told),
        timing=Timing(wall_s=0, cpu_s=0),
    )


def do(task_id: str, wire: Wire, device: str | None) -> int:
    """Do the task; returns the exit status."""
    from enhance import settings
    from enhance.attempt import perform, whole
    from enhance.progress import Reporter

    interruption = Interruption()
    with on_signals(interruption):
        store = Signer(wire, interruption).store
        try:
            spec = spec_in(store, device)
        except BadInputError as error:
            report = refuse(store, task_id, error)
        else:
            report = perform(
                whole,
                spec,
                places_of(spec, store),
                settings.read(),
                Reporter(task_id, store=store),
                interruption,
                analyze=True,
                alone=True,
            )
    wire.send(ended=report.outcome, code=report.code)
    return report.exit_code


def main(argv: Sequence[str]) -> int:
    """Run one task."""
    parser = argparse.ArgumentParser(prog="python -m enhance.worker.task")
    parser.add_argument("--wire", type=int, required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"])
    args = parser.parse_args(argv)
    wire = Wire(socket.socket(fileno=args.wire))
    try:
        return do(args.task, wire, args.device)
    except StoreError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        wire.send(ended=error.exit_code.outcome, code=error.code)
        return int(error.exit_code)


if __name__ == "__main__":
    from enhance.memory import keep_memory

    keep_memory()
    sys.exit(main(sys.argv[1:]))
