"""One deployment from the first question to the smoke test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from infra.stage import StageConfig
from tools.deploy import assembly as cdk
from tools.deploy.assembly import Assembly, Programs
from tools.deploy.changes import Changes, compare, describe
from tools.deploy.checks import Check, Level
from tools.deploy.errors import DeployError, explain
from tools.deploy.machine import ROOT, check_machine
from tools.deploy.preflight import Target, check_account, identify, secret_command
from tools.deploy.prices import idle_cost, unknown_types
from tools.deploy.smoke import SmokeTest
from tools.deploy.smoke_key import smoke_key
from tools.deploy.stacks import Clients, deployed_template, find_stack, stack_names
from tools.rollback import roll_back

_JOB_COST = (
    "A job costs about $0.001 of AWS (12 to 20 state transitions, a few Lambda seconds, a dozen"
    " ledger writes), and what its vendor asks: GET /v1/models lists that."
)


_EMULATED_ACCOUNT = "000000000000"


@dataclass(frozen=True)
class World:
    """Everything outside that a deployment touches."""

    clients: Clients
    programs: Programs
    say: Callable[[str], None]
    confirm: Callable[[str], bool]
    http: Callable[[str, str], httpx.Client]
    """Makes a client of the API at an address, with an API key."""

    root: Path = ROOT
    """Where the synthesized stacks are put, under `cdk.out`."""


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    dry_run: bool = False
    adopt: bool = False
    roll_back: bool = False
    """Whether to go back to what ran before when the smoke test fails."""

    api_url: str | None = None
    """Where the API is reached, where that is not its own address: a domain of yours."""

    context: Mapping[str, str] = field(default_factory=dict[str, str])
    """For the stage `local`: where the laptop's simulators are."""


class Deployment:
    """Deploys one stage."""

    def __init__(self, stage: StageConfig, options: Options, world: World) -> None:
        self._stage = stage
        self._options = options
        self._world = world

    def run(self) -> bool:
        """Deploy; return whether it was done (and not only planned, or declined).

        Raises:
            DeployError: it cannot be done; the message names the cure.
        """
        say = self._world.say
        account, region, arn = self._identity()
        if self._stage.on_host and account != _EMULATED_ACCOUNT:
            raise DeployError(
                f"The stage local belongs on the emulator, and this is the account {account}:"
                " say STAGE=dev."
            )
        say(f"Stage {self._stage.name}, account {account}, region {region}, as {arn}\n")
        self._report(check_machine(self._stage, self._world.programs.ask))
        say("\nSynthesizing the stacks ...")
        assembly = cdk.synthesize(
            self._stage, self._options.context, self._world.programs, self._world.root
        )
        target = Target(self._stage, account, region, assembly.bootstrap_version)
        self._report(check_account(self._world.clients, target))
        changes = self._plan(assembly)
        if self._options.dry_run:
            say("\nNothing was deployed (dry run).")
            return False
        if changes and not self._world.confirm(f"\nDeploy the stage {self._stage.name}?"):
            say("Nothing was deployed.")
            return False
        if self._stage.on_host:
            _make_asset_bucket(self._world.clients, account, region)
        cdk.deploy(self._stage, assembly, self._world.programs, adopt=self._options.adopt)
        try:
            self._try_out()
        except DeployError:
            if self._options.roll_back and changes:
                self._world.say("\nThe smoke test failed. Going back to what ran before:")
                roll_back(self._stage.name, self._world.clients, self._world.say, dry_run=False)
            raise
        return True

    def _identity(self) -> tuple[str, str, str]:
        try:
            return identify(self._world.clients)
        except (BotoCoreError, ClientError) as exc:
            raise DeployError(explain(exc)) from exc

    def _report(self, checks: Iterable[Check]) -> None:
        failed: list[Check] = []
        for check in checks:
            self._world.say(str(check))
            failed += [check] if check.level is Level.FAIL else []
        leftovers = [check for check in failed if "earlier deployment" in check.found]
        if self._options.adopt:
            failed = [check for check in failed if check not in leftovers]
        if failed:
            raise DeployError(f"Nothing was deployed. First: {failed[0].cure}.")

    def _plan(self, assembly: Assembly) -> bool:
        """Say what will change and what it costs; return whether anything changes."""
        say, anything = self._world.say, False
        for name, template in assembly.templates.items():
            there = find_stack(self._world.clients, name) is not None
            old = deployed_template(self._world.clients, name) if there else None
            changes = compare(old, template)
            anything |= bool(changes)
            say(f"\n{name}: {'as it is' if not changes else ''}".rstrip())
            for line in describe(changes):
                say(line)
            self._refuse_losses(changes)
        self._say_cost(assembly)
        return anything

    def _refuse_losses(self, changes: Changes) -> None:
        if changes.losses and self._stage.retain_data:
            raise DeployError(
                f"Nothing was deployed: {', '.join(changes.losses)} would leave the stage"
                f" {self._stage.name}. If that is meant, deploy with the CDK CLI by hand."
            )

    def _say_cost(self, assembly: Assembly) -> None:
        say, templates = self._world.say, list(assembly.templates.values())
        items = idle_cost(templates)
        say("\nCost when idle, a month (list prices of us-east-1, free tiers left out):")
        for item in items:
            say(f"  ${item.usd:>6.2f}  {item.count} x {item.what}")
        say(f"  ${sum(item.usd for item in items):>6.2f}  in all; nothing is billed per hour")
        for kind in unknown_types(templates):
            say(f"  {kind} is not in the price table of tools/deploy/prices.py")
        say(_JOB_COST)

    def _try_out(self) -> None:
        say, stage = self._world.say, self._stage
        pipeline = find_stack(self._world.clients, stack_names(stage.name)[1])
        if pipeline is None:
            raise DeployError("The CDK CLI said that it deployed, and there is no stack.")
        url = self._options.api_url or pipeline.outputs["ApiUrl"]
        with smoke_key(self._world.clients, stage.name) as key, self._world.http(url, key) as http:
            test = SmokeTest(http)
            offered = test.models()
            say(f"\nThe API answers and offers {len(offered)} models.")
            if stage.smoke_simulator:
                done = test.run()
                say(
                    f"Smoke job {done.job_id}: a video of {done.size_bytes} bytes in"
                    f" {done.seconds:.0f} s, and nobody was paid."
                )
            else:
                say("No smoke job: the stage has no simulated vendor (`smoke_simulator`).")
        say(f"\nAPI: {url}\nNext:")
        say(f"  make api-key STAGE={stage.name} TENANT=<who>")
        for vendor in stage.providers:
            say(f"  {secret_command(f'{stage.secrets_prefix}/providers/{vendor}')}")


def _make_asset_bucket(clients: Clients, account: str, region: str) -> None:
    """Make what is left of the bootstrap stack on the emulator."""
    try:
        clients("s3").create_bucket(Bucket=f"cdk-hnb659fds-assets-{account}-{region}")
    except ClientError as exc:
        if exc.response.get("Error", {}).get("Code") != "BucketAlreadyOwnedByYou":
            raise
