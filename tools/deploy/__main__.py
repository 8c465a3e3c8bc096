"""`python -m tools.deploy --stage dev`: see `docs/deploying.md`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import botocore.session
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_clients import client
from dailies.domain.errors import PipelineError
from infra.stage import STAGE_NAMES, stage_config
from tools.deploy.assembly import Subprocesses
from tools.deploy.deployment import Deployment, Options, World
from tools.deploy.errors import DeployError, explain

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy; return the exit status: 0 done or planned, 1 not done, 130 interrupted."""
    given = _parser().parse_args(arguments)
    options = Options(
        dry_run=given.dry_run,
        adopt=given.adopt,
        roll_back=given.roll_back,
        api_url=given.api_url,
        context=dict(pair.split("=", 1) for pair in given.context),
    )
    world = World(
        clients=client,
        programs=Subprocesses(_region()),
        say=_say,
        confirm=(lambda question: True) if given.yes else _confirm,
        http=_http,
    )
    try:
        done = Deployment(stage_config(given.stage), options, world).run()
    except (DeployError, LookupError, PipelineError) as exc:
        _say_error(str(exc))
        return 1
    except (BotoCoreError, ClientError) as exc:
        _say_error(explain(exc))
        return 1
    except KeyboardInterrupt:
        _say_error(
            "Interrupted. What CloudFormation has begun it ends by itself;"
            " the same command goes on from there."
        )
        return _INTERRUPTED
    return 0 if done or given.dry_run else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description="Deploy a stage.")
    parser.add_argument("--stage", required=True, choices=STAGE_NAMES)
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="check and plan, change nothing")
    parser.add_argument(
        "--adopt", action="store_true", help="take over what an earlier deployment left"
    )
    parser.add_argument(
        "--roll-back", action="store_true", help="go back when the smoke test fails"
    )
    parser.add_argument("--api-url", help="where the API is reached, if not at its own address")
    parser.add_argument(
        "--context", action="append", default=[], metavar="KEY=VALUE", help="for the stage local"
    )
    return parser


def _region() -> str | None:
    """Return the region that our own clients use, for the CDK CLI to use the same."""
    return botocore.session.get_session().get_config_variable("region")


def _say(line: str) -> None:
    print(line, flush=True)


def _say_error(line: str) -> None:
    print(f"\n{line}", file=sys.stderr, flush=True)


def _confirm(question: str) -> bool:
    if not sys.stdin.isatty():
        raise DeployError("Nobody is there to ask: say --yes (make deploy YES=1).")
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def _http(url: str, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
    )


if __name__ == "__main__":
    sys.exit(main())
