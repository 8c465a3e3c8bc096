"""All simulators of one run, in this process and in threads of their own."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from dailies.domain.catalogue import load_catalogue
from local.simulators.clips import ClipStudio
from local.simulators.clock import Clock, ManualClock, Sleeper, SystemClock
from local.simulators.director import Director
from local.simulators.google import GoogleSimulator
from local.simulators.kling import KlingSimulator
from local.simulators.receiver import WebhookReceiver
from local.simulators.scenario import Scenario
from local.simulators.vendor import Ports, VendorSimulator, World


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
    ) -> None:
        """Bind the ports; `port_base` takes five in a row from there, 0 takes free ones.

        `speed` divides the vendors' working time; clips have `clip_scale` times their size;
        `prerender` draws each clip when its task is created.
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
        )
        ports = iter(range(port_base, port_base + 5) if port_base else [0] * 5)
        self.kling = KlingSimulator(world, Ports(next(ports), next(ports)))
        self.google = GoogleSimulator(world, Ports(next(ports), next(ports)))
        self.receiver = WebhookReceiver(
            host=host, port=next(ports), clock=self.clock, sleeper=self._sleeper
        )

    @property
    def vendors(self) -> dict[str, VendorSimulator]:
        """Return the simulators by vendor name."""
        return {one.name: one for one in (self.kling, self.google)}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return addresses and credentials, as printed on start."""
        vendors = {name: simulator.describe() for name, simulator in self.vendors.items()}
        return vendors | {"receiver": {"base_url": self.receiver.base_url}}

    def start(self) -> None:
        """Begin to answer."""
        for simulator in self.vendors.values():
            simulator.start()
        self.receiver.start()

    def stop(self) -> None:
        """Stop everything; waits of requests end at once."""
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
        self.kling.callbacks.settle()

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
