"""All simulators of one run, in this process and in threads of their own."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dailies.domain.catalogue import load_catalogue
from local.simulators.clips import ClipStudio
from local.simulators.clock import Clock, ManualClock, Sleeper, SystemClock
from local.simulators.director import Director
from local.simulators.gemini import GeminiSimulator
from local.simulators.google import GoogleSimulator
from local.simulators.kling import KlingSimulator
from local.simulators.receiver import WebhookReceiver
from local.simulators.scenario import Scenario
from local.simulators.shelf import Shelf
from local.simulators.simulator import SimulatedVendorSimulator
from local.simulators.vendor import Ports, VendorSimulator, World

PORTS_IN_A_ROW = 9
"""What is kept free for all of them; a few are left for vendors to come."""


_SAVE_INTERVAL_S = 1.0


class Simulators:
    """Every vendor's simulator and a webhook receiver.

    `with Simulators(...) as sims:` serves until the block ends. With a `ManualClock` nothing
    happens between two calls of `advance`.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        speed: float = 1.0,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port_base: int = 0,
        clip_scale: float = 1.0,
        prerender: bool = False,
        state: Path | None = None,
    ) -> None:
        """Bind the ports; `port_base` takes a row from there, 0 takes free ones.

        `speed` divides the vendors' working time; clips have `clip_scale` times their size;
        `prerender` draws each clip when its task is created; in the folder `state` tasks and keys
        outlive the process.
        """
        self.clock = clock or SystemClock()
        self._sleeper = Sleeper(self.clock)
        self.director = Director(scenario or Scenario())
        self._studio = ClipStudio(clip_scale)
        world = World(
            clock=self.clock,
            sleeper=self._sleeper,
            director=self.director,
            studio=self._studio,
            catalogue=load_catalogue(),
            host=host,
            speed=speed,
            prerender=prerender,
            shelf=Shelf(state),
        )
        self._keeps_state = state is not None
        self._ended = threading.Event()
        self._saver = threading.Thread(target=self._save_regularly, daemon=True)
        row = range(port_base, port_base + PORTS_IN_A_ROW) if port_base else [0] * PORTS_IN_A_ROW
        ports = iter(row)
        self.kling = KlingSimulator(world, Ports(next(ports), next(ports)))
        self.google = GoogleSimulator(world, Ports(next(ports), next(ports)))
        self.receiver = WebhookReceiver(
            host=host, port=next(ports), clock=self.clock, sleeper=self._sleeper
        )
        self.simulator = SimulatedVendorSimulator(world, Ports(next(ports), next(ports)))
        self.gemini = GeminiSimulator(world, Ports(next(ports), next(ports)))

    @property
    def vendors(self) -> dict[str, VendorSimulator]:
        """Return the simulators by vendor name."""
        every = (self.kling, self.google, self.gemini, self.simulator)
        return {one.name: one for one in every}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return addresses and credentials, as printed on start."""
        vendors = {name: simulator.describe() for name, simulator in self.vendors.items()}
        return vendors | {"receiver": {"base_url": self.receiver.base_url}}

    def start(self) -> None:
        """Begin to answer."""
        for simulator in self.vendors.values():
            simulator.start()
        self.receiver.start()
        if self._keeps_state:
            self._saver.start()

    def _save_regularly(self) -> None:
        # A new task is written at once; this is for what becomes of it, and for the counts.
        while not self._ended.wait(_SAVE_INTERVAL_S):
            for simulator in self.vendors.values():
                simulator.store.save()

    def stop(self) -> None:
        """Stop everything; waits of requests end at once."""
        self._ended.set()
        self._sleeper.stop()
        self._studio.close()
        for simulator in self.vendors.values():
            simulator.stop()
        self.receiver.stop()

    def advance(self, seconds: float) -> None:
        """Move a ManualClock forward and wait until every callback then due has been sent."""
        if not isinstance(self.clock, ManualClock):
            raise TypeError("Only a ManualClock can be moved.")
        self.clock.advance(seconds)
        for calling in (self.kling, self.gemini):
            calling.callbacks.settle()

    def reset(self) -> None:
        """Forget all tasks, counts and webhooks, and begin the scenario from its start."""
        for simulator in self.vendors.values():
            simulator.reset()
        self.receiver.reset()
        self.director.load(self.director.scenario)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
