"""A real vendor in the twin, played by a simulator of its own: called, polled, and capped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from local.twin.api import Api
from local.twin.live import Live
from local.twin.ports import Ports, choose_ports
from local.twin.processes import SimulatorProcess
from local.twin.twin import Twin
from tests.e2e.crew import KLING

_FOLDER = Path(__file__).resolve().parents[2] / ".local" / "e2e-live"
_SPEED = 20.0


class Stage:
    """A twin with a vendor that it takes for the real one."""

    def __init__(self, twin: Twin, api: Api, vendor_url: str) -> None:
        self.twin, self.api, self._vendor_url = twin, api, vendor_url

    def asked(self, what: str = "tasks") -> dict[str, Any]:
        """Return what the vendor counts."""
        answer = httpx.get(f"{self._vendor_url}/_simulator/{what}", trust_env=False)
        return answer.raise_for_status().json()

    def made(self, prompt: str) -> dict[str, Any]:
        body = {"kind": "text_to_video", "model": KLING, "prompt": prompt}
        return self.api.await_end(self.api.create_job(body))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        ports = choose_ports(Ports(front=0, emulator=0, simulators=8860))
        log = _FOLDER / "vendor.log"
        vendor = stack.enter_context(
            SimulatorProcess(log, speed=_SPEED, port_base=ports.simulators)
        )
        vendor.await_ready()
        kling = vendor.described["kling"]
        live = Live(
            vendor="kling",
            credentials={"api_key": kling["credentials"]["api_key"]},
            max_cost_usd=Decimal("0.80"),
            endpoints={"kling": kling["base_url"]},
            outbound_allow=(urlsplit(kling["files_url"]).netloc,),
        )
        twin = stack.enter_context(Twin(_FOLDER, speed=_SPEED, live=live))
        api = stack.enter_context(Api(twin.url, twin.issue("acme").api_key))
        yield Stage(twin, api, kling["base_url"])


@pytest.fixture(scope="module")
def jobs(stage: Stage) -> list[dict[str, Any]]:
    """Three jobs, of which the cap allows the first."""
    return [stage.made(f"A heron, take {take}") for take in range(3)]


def test_jobs_go_to_the_real_vendor_until_the_cap_is_reached(
    stage: Stage, jobs: list[dict[str, Any]]
) -> None:
    ordered_usd = stage.twin.ordered_usd("kling")

    good = [job for job in jobs if job["state"] == "succeeded"]
    over = jobs[len(good) :]
    assert good and over, [job["error"] for job in jobs]
    for job in over:
        assert (job["state"], job["charged"]) == ("failed", "no")
        assert job["error"]["code"] == "over_cap"
    assert stage.asked()["created"] == len(good)
    assert ordered_usd == sum(Decimal(str(job["cost_usd"])) for job in good) <= Decimal("0.80")
    assert stage.twin.simulated("kling")["created"] == 0


def test_redrive_orders_nothing_when_the_cap_is_reached(
    stage: Stage, jobs: list[dict[str, Any]]
) -> None:
    failed = next(one for one in jobs if one["state"] == "failed")
    before = stage.asked()["created"]

    answer = stage.api.http.post(f"/v1/jobs/{failed['job_id']}/redrive")
    job = stage.api.await_end(failed["job_id"])

    assert answer.status_code == 202
    assert (job["state"], job["error"]["code"]) == ("failed", "over_cap")
    assert len(stage.api.attempts(job["job_id"])) == 2
    assert stage.asked()["created"] == before


@pytest.mark.usefixtures("jobs")
def test_vendor_is_polled_and_told_no_address_when_it_is_real(stage: Stage) -> None:
    asked = stage.asked("requests")

    assert asked["calls"]["poll"] >= 1
    assert asked["callbacks"] == []
    assert all(not task["callback_url"] for task in stage.asked()["tasks"])


def test_key_leaves_the_state_when_the_twin_stops(stage: Stage) -> None:
    secrets = stage.twin.emulator.client("secretsmanager")
    name = "dailies/local/providers/kling"
    assert "api_key" in secrets.get_secret_value(SecretId=name)["SecretString"]

    stage.twin._forget_credentials(name)
    left = secrets.get_secret_value(SecretId=name)["SecretString"]
    stage.twin._write_secrets()  # the other tests, in whatever order, need it

    assert left == "{}"
