"""The simulated vendor in the account: what a new deployment is tried on before money is spent.

Only in stages with `smoke_simulator`. Nothing of it is billed while nobody asks, but its secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from aws_cdk import CfnResource, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import grants as to
from infra.log_group import build_log_group
from infra.nag import acknowledge
from infra.role import build_role, drop_role_dependency
from infra.stage import SIMULATOR, StageConfig

_FOLDER = Path(__file__).parent / "assets" / "simulator"
_TIMEOUT_S = 10
_MEMORY_MB = 256
_REASON = "It asks for the simulator's own key, or for a signature that expires."
SIMULATOR_ROUTES = {
    "POST /simulator/v1/tasks": _REASON,
    "GET /simulator/v1/tasks/{task_id}": _REASON,
    "GET /simulator/v1/results/{name}": _REASON,
}
"""Routes without authorizer, each with the reason."""


def simulator_endpoint(stage: StageConfig, public_url: str) -> Mapping[str, str]:
    """Return where vendors' adapters find the simulated vendor of a stage that has one."""
    if not (stage.smoke_simulator and public_url):
        return {}
    return {SIMULATOR: f"{public_url}/simulator"}


class SimulatorFunction(Construct):
    """One function of one file, with no layer, no table and one secret."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig) -> None:
        super().__init__(scope, construct_id)
        log_name = f"/dailies/{stage.name}/simulated_vendor"
        log_group = build_log_group(self, "Log", stage=stage, name=log_name)
        grants = [
            to.write_log(log_group),
            to.trace(),
            to.read_vendor_secret(self, stage, SIMULATOR),
        ]
        role = build_role(self, "Role", service="lambda.amazonaws.com", grants=grants)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"Dailies ({stage.name}): simulated vendor, for smoke tests",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=stage.architecture,
            handler="simulated_vendor.handler",
            code=lambda_.Code.from_asset(
                str(_FOLDER), exclude=["**", "!simulated_vendor.py", "!clip.mp4"]
            ),
            role=role,
            log_group=log_group,
            timeout=Duration.seconds(_TIMEOUT_S),
            memory_size=_MEMORY_MB,
            environment={"SECRET_NAME": f"{stage.secrets_prefix}/providers/{SIMULATOR}"},
            tracing=lambda_.Tracing.ACTIVE,
        )
        drop_role_dependency(cast(CfnResource, self.function.node.default_child))
        acknowledge(self.function, "L1", "Python 3.13, as every function of the stage.")
