"""The commands that deploy and destroy a stage, on the emulator, with the simulated vendor."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from infra.stage import stage_config
from local.emulator.process import Emulator
from local.twin.front_door import FrontDoor
from tools.deploy.assembly import Subprocesses
from tools.deploy.deployment import Deployment, Options, World
from tools.deploy.stacks import find_stack, stack_names
from tools.destroy import Destruction
from tools.rollback import roll_back

ROOT = Path(__file__).resolve().parents[2]
STAGE = stage_config("local")


@dataclass
class Operator:
    """Somebody in front of an account: the emulator."""

    emulator: Emulator
    front: FrontDoor
    folder: Path
    said: list[str] = field(default_factory=list[str])

    def deploy(self) -> str:
        """Deploy, and return what was said."""
        self.said.clear()
        address = self.front.url.removeprefix("http://")
        context = {"public_url": self.front.url, "outbound_allow": json.dumps([address])}
        options = Options(api_url=self.front.url, context=context)
        world = World(
            clients=self.emulator.client,
            programs=OnEmulator(self.emulator, self.folder / "cdk.log"),
            say=self.said.append,
            confirm=lambda question: True,
            http=self.http,
            root=self.folder,
        )
        assert Deployment(STAGE, options, world).run()
        return "\n".join(self.said)

    def http(self, url: str, key: str) -> httpx.Client:
        """Lead the front door to the API that is there now."""
        stack = find_stack(self.emulator.client, stack_names("local")[1])
        assert stack is not None
        path = f"/_aws/execute-api/{stack.outputs['ApiId']}/$default"
        self.front.lead_to("127.0.0.1", self.emulator.port, path)
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)


class OnEmulator(Subprocesses):
    """Programs that know no other account than the emulator's."""

    def __init__(self, emulator: Emulator, log: Path) -> None:
        super().__init__()
        self._emulator = emulator
        self._log = log

    def run(self, command: list[str]) -> int:
        with self._log.open("ab") as log:
            return subprocess.call(
                command,
                cwd=ROOT,
                env=self._emulator.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("deploy")
    with FrontDoor() as front, Emulator(folder / "aws", speed=10) as emulator:
        yield Operator(emulator, front, folder)


def test_stage_is_tried_and_destroyed_when_its_commands_are_run(operator: Operator) -> None:
    first = operator.deploy()

    assert "Smoke job job_" in first
    assert "and nobody was paid" in first
    assert "create" in first
    assert all(find_stack(operator.emulator.client, name) for name in stack_names("local"))

    said: list[str] = []
    roll_back("local", operator.emulator.client, said.append, dry_run=True)
    assert said == ["0 aliases would be moved back."]

    Destruction(STAGE, operator.emulator.client, said.append, lambda question: "local").run()
    assert not any(find_stack(operator.emulator.client, name) for name in stack_names("local"))
