"""The twin: emulator, simulators, a worker and the deployed stacks, while a block runs."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from local.emulator.process import Emulator, EmulatorError
from local.twin.assembly import Assembly
from local.twin.deploy import deploy, read_outputs, require_cdk
from local.twin.errors import TwinError
from local.twin.front_door import FrontDoor
from local.twin.leftovers import end_leftovers
from local.twin.live import Live
from local.twin.narrator import Narrator, Silent
from local.twin.ports import Ports, choose_ports, require_free
from local.twin.processes import SimulatorProcess
from local.twin.reattaching import Reattaching
from local.twin.worker import WorkerProcess, worker_environment

_ROOT = Path(__file__).resolve().parents[2]
STAGE = "local"
DEMO_PORTS = Ports(front=8788, emulator=8789, simulators=8790)
SERVE_PORTS = Ports(front=8787, emulator=8786, simulators=8800)


@dataclass(frozen=True)
class Access:
    """What a tenant needs to use the API."""

    api_key: str
    webhook_secret: str


class Twin:
    """The whole cloud on this machine. Starts on entry; stops everything it started on exit."""

    def __init__(
        self,
        folder: Path,
        *,
        speed: float,
        ports: Ports = DEMO_PORTS,
        front_is_fixed: bool = False,
        scenario: Path | None = None,
        persist: bool = False,
        live: Live | None = None,
        narrator: Narrator | None = None,
    ) -> None:
        """Describe it: `folder` takes state and logs, `speed` divides all waiting."""
        self.folder = folder.resolve()
        self.speed = speed
        self._ports = ports
        self._front_is_fixed = front_is_fixed
        self._scenario = scenario
        self._persist = persist
        self._live = live
        self._narrator = narrator or Silent()
        self._running = ExitStack()
        self.outputs: dict[str, str] = {}
        """The stacks' outputs by name."""
        self.warnings: list[str] = []
        """Tasks of vendors that the ledger did not know at the start: a line for each."""
        self.resumed: list[str] = []
        """Jobs that go on after a restart: a line for each."""

    emulator: Emulator
    simulators: SimulatorProcess
    worker: WorkerProcess
    """Carries out enhancements."""
    worker_environment: dict[str, str]
    """With the credentials of every worker."""
    url: str
    """Base URL of the HTTP API."""

    @property
    def lambda_log_path(self) -> Path:
        """What the functions print."""
        return self.emulator.lambda_log_path

    def __enter__(self) -> Self:
        """Start everything, and return when the API answers.

        Raises:
            TwinError: something did not start; all that did is stopped again.
        """
        try:
            self._start()
        except EmulatorError as exc:
            self._running.close()
            raise TwinError(f"{str(exc)[0].upper()}{str(exc)[1:]}.") from exc
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything that was started, last things first."""
        self._running.close()

    def _start(self) -> None:
        require_cdk()
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = self._choose_ports()
        enter = self._running.enter_context
        front = enter(FrontDoor(ports.front))
        self.url = front.url
        self.emulator = Emulator(
            self.folder / "aws", port=ports.emulator, speed=self.speed, persist=self._persist
        )
        self.simulators = enter(
            SimulatorProcess(
                self.folder / "simulators.log",
                speed=self.speed,
                port_base=ports.simulators,
                scenario=self._scenario,
                state=self.folder / "simulators" if self._persist else None,
            )
        )
        reattaching = self._reattaching()
        with self._narrator.step("Start the local AWS and the vendors' simulators"):
            self.simulators.await_ready()
            context = _context(self.simulators.described, self.url, self._live)
            log = self.folder / "synth.log"
            assembly = enter(Assembly(context, self.emulator.environment(), log))
            enter(self.emulator)
            if reattaching is not None:  # before anything can order anew
                self.warnings = reattaching.claim(self._tasks())
        if not assembly.is_cached:
            with self._narrator.step("Synthesize the stacks"):
                assembly.await_ready()
        with self._narrator.step("Deploy the stacks with the CDK CLI, IAM enforced"):
            self.outputs = deploy(self.emulator, assembly.folder, self.folder)
            self._write_secrets()
            path = f"/_aws/execute-api/{self.outputs['ApiId']}/$default"
            if reattaching is not None:
                self.resumed = reattaching.resume()
            front.lead_to("127.0.0.1", self.emulator.port, path)
        self.worker_environment = worker_environment(self.emulator, self.outputs)
        self.worker = enter(self.new_worker())

    def new_worker(self, log: str = "worker.log") -> WorkerProcess:
        """Return a worker that is not started yet."""
        return WorkerProcess(self.worker_environment, self.outputs, self.folder / log)

    def _choose_ports(self) -> Ports:
        """Return the ports of last time where they are free: results' addresses name them."""
        if not self._persist:
            return choose_ports(self._ports, front_is_fixed=self._front_is_fixed)
        kept = self.folder / "ports.json"
        preferred = self._ports
        if kept.exists():
            known = json.loads(kept.read_text("utf-8"))
            preferred = Ports(**(known | {"front": preferred.front or known["front"]}))
        require_free(preferred, front_is_fixed=self._front_is_fixed)
        end_leftovers(self.folder)
        chosen = choose_ports(preferred, front_is_fixed=self._front_is_fixed)
        kept.write_text(json.dumps(asdict(chosen)), "utf-8")
        return chosen

    def _reattaching(self) -> Reattaching | None:
        """Return what finds the jobs of last time again; None where there are none."""
        known = self.folder / "outputs.json"
        if not (self._persist and known.exists() and (self.folder / "aws" / "state").exists()):
            return None
        outputs = read_outputs(known)
        environment = self.emulator.environment()
        return self._running.enter_context(Reattaching(outputs, environment))

    def _tasks(self) -> dict[str, list[dict[str, Any]]]:
        return {vendor: self.simulated(vendor)["tasks"] for vendor in self._vendors()}

    def _vendors(self) -> list[str]:
        names = [name for name, one in self.simulators.described.items() if "credentials" in one]
        return [name for name in names if self._live is None or name != self._live.vendor]

    def _write_secrets(self) -> None:
        secrets = self.emulator.client("secretsmanager")
        for vendor, described in self.simulators.described.items():
            credentials: dict[str, Any] = described.get("credentials", {})
            if credentials:
                texts = {
                    k: v if isinstance(v, str) else json.dumps(v) for k, v in credentials.items()
                }
                name = f"dailies/{STAGE}/providers/{vendor}"
                _put_secret(secrets, name, json.dumps(texts))
        if self._live is not None:
            name = f"dailies/{STAGE}/providers/{self._live.vendor}"
            _put_secret(secrets, name, json.dumps(dict(self._live.credentials)))
            self._running.callback(self._forget_credentials, name)

    def _forget_credentials(self, name: str) -> None:
        """Take a real key out of the state, which would keep it on disk."""
        if self.emulator.running:
            _put_secret(self.emulator.client("secretsmanager"), name, "{}")

    def ordered_usd(self, vendor: str) -> Decimal:
        """Return what counts against the cap of a real vendor."""
        key = {"pk": {"S": f"CAP#{vendor}"}, "sk": {"S": "SUM"}}
        dynamodb = self.emulator.client("dynamodb")
        row = dynamodb.get_item(TableName=self.outputs["TableName"], Key=key).get("Item", {})
        return Decimal(row.get("usd", {"N": "0"})["N"])

    def issue(self, tenant: str) -> Access:
        """Make an API key of a tenant, as an operator does.

        Raises:
            TwinError: the tool failed; the message holds its own.
        """
        command = [sys.executable, "-m", "tools.api_key", "--stage", STAGE, "--tenant", tenant]
        done = subprocess.run(
            command,
            cwd=_ROOT,
            env=self.emulator.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        words = [line.split()[-1] for line in done.stdout.splitlines() if ":" in line]
        if done.returncode != 0 or len(words) != 2:
            raise TwinError(f"No API key could be made: {done.stderr.strip()[-300:]}")
        return Access(*words)

    @property
    def running(self) -> bool:
        """Whether all that it started still runs."""
        return self.emulator.running and self.simulators.running and self.worker.running

    def kill(self) -> None:
        """End everything at once, as a crash of the machine would."""
        self.emulator.kill()
        self.simulators.kill()
        self.worker.kill()

    # What the other side saw

    def simulated(self, vendor: str, what: str = "tasks") -> dict[str, Any]:
        """Return a simulator's own report: `tasks` or `requests`."""
        url = f"{self.simulators.described[vendor]['base_url']}/_simulator/{what}"
        return httpx.get(url, trust_env=False, timeout=30).raise_for_status().json()

    @property
    def receiver_url(self) -> str:
        """Base URL of the webhook receiver; every path takes webhooks."""
        return str(self.simulators.described["receiver"]["base_url"])

    def webhooks(self) -> list[dict[str, Any]]:
        """Return what the webhook receiver got, in order."""
        answer = httpx.get(f"{self.receiver_url}/_receiver/webhooks", trust_env=False, timeout=30)
        return answer.raise_for_status().json()["webhooks"]

    def emails(self) -> list[dict[str, Any]]:
        """Return the emails that were sent, in order: `To`, `Subject`, `BodyText`, `BodyHtml`."""
        url = f"{self.emulator.endpoint_url}/_ministack/ses/messages"
        answer = httpx.get(url, trust_env=False, timeout=30).raise_for_status().json()
        return [message for sent in answer["messages"].values() for message in sent]


def _put_secret(secrets: Any, name: str, text: str) -> None:
    try:
        secrets.put_secret_value(SecretId=name, SecretString=text)
    except secrets.exceptions.ResourceNotFoundException:  # a vendor that no stage lists yet
        secrets.create_secret(Name=name, SecretString=text)


def _context(described: dict[str, dict[str, Any]], url: str, live: Live | None) -> dict[str, Any]:
    """Return what the stage `local` is told of this machine, as `infra.stage.LocalSettings`."""
    vendors = {name: one for name, one in described.items() if "credentials" in one}
    endpoints = {name: one["base_url"] for name, one in vendors.items()}
    for name, one in vendors.items():
        endpoints |= {f"{name}.{host}": address for host, address in one["endpoints"].items()}
    addresses = {str(v) for one in described.values() for k, v in one.items() if k.endswith("_url")}
    allowed = {urlsplit(one).netloc for one in addresses}
    if live is not None:
        simulated = {k: v for k, v in endpoints.items() if k.partition(".")[0] != live.vendor}
        return {
            "stage": STAGE,
            "public_url": "",  # nobody can call a laptop back: vendors are polled
            "provider_endpoints": json.dumps(simulated | dict(live.endpoints), sort_keys=True),
            "outbound_allow": json.dumps(sorted(allowed | set(live.outbound_allow))),
            "spend_caps": json.dumps({live.vendor: str(live.max_cost_usd)}),
        }
    return {
        "stage": STAGE,
        "public_url": url,
        "provider_endpoints": json.dumps(endpoints, sort_keys=True),
        "outbound_allow": json.dumps(sorted(allowed)),
    }
