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
from local.simulators.discovery import ports_in_a_row, simulated, simulator_of
from local.simulators.receiver import WebhookReceiver
from local.simulators.scenario import Scenario
from local.simulators.shelf import Shelf
from local.simulators.vendor import Ports, VendorSimulator, World

_SAVE_INTERVAL_S = 1.0


class Simulators:
    """Every vendor's simulator and a webhook receiver.

    `with Simulators(...) as sims:` serves until the block ends; `sims.kling` is Kling's. With a
    `ManualClock` nothing happens between two calls of `advance`.
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
        """Bind the ports; `port_base` takes a row from there (`ports_in_a_row`), 0 free ones.

        `speed` divides the vendors' working time; clips have `clip_scale` times their size;
        `prerender` draws each clip when its task is created; in the folder `state` tasks and keys
        outlive the process.
        """
        self.clock = clock or SystemClock()
        self._sleeper = Sleeper(self.clock)
        self.director = Director(scenario or Scenario())
        self._studio = ClipStudio(clip_scale)
        catalogue = load_catalogue()
        world = World(
            clock=self.clock,
            sleeper=self._sleeper,
            director=self.director,
            studio=self._studio,
            catalogue=catalogue,
            host=host,
            speed=speed,
            prerender=prerender,
            shelf=Shelf(state),
        )
        self._keeps_state = state is not None
        self._ended = threading.Event()
        self._saver = threading.Thread(target=self._save_regularly, daemon=True)
        kinds = [simulator_of(name) for name in simulated(catalogue.vendors)]
        count = ports_in_a_row(catalogue.vendors)
        ports = iter(range(port_base, port_base + count) if port_base else [0] * count)
        self.receiver = WebhookReceiver(
            host=host, port=next(ports), clock=self.clock, sleeper=self._sleeper
        )
        self.vendors: dict[str, VendorSimulator] = {
            kind.name: kind(world, Ports(next(ports), next(ports))) for kind in kinds
        }
        """The simulators by vendor name."""

    def __getattr__(self, name: str) -> Any:
        """Return a vendor's simulator."""
        if name == "vendors" or name not in self.vendors:  # before __init__ has made them
            raise AttributeError(f"There is no simulator {name!r}.")
        return self.vendors[name]

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
        for simulator in self.vendors.values():
            simulator.settle()

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
