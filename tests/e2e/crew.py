"""Makes jobs and reads what both sides know of them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from local.twin.api import Api
from local.twin.twin import Twin

KLING = "kling/kling-3.0-turbo"
GOOGLE = "google/veo-3.1-fast-generate-001"
T = TypeVar("T")


@dataclass(frozen=True)
class Crew:
    """One tenant at work."""

    twin: Twin
    api: Api

    def start(self, prompt: str, model: str = KLING, **more: Any) -> str:
        """Create a text-to-video job, and return its id."""
        return self.api.create_job(
            {"kind": "text_to_video", "model": model, "prompt": prompt} | more
        )

    def finish(self, jobs: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Wait for jobs, given as ids by name, and return them."""
        return {name: self.api.await_end(job_id, 120) for name, job_id in jobs.items()}

    def tasks(self, job: dict[str, Any], vendor: str = "kling") -> list[dict[str, Any]]:
        """Return the tasks that a vendor counts for a job: what it is paid for."""
        attempts = f"att_{job['job_id'].removeprefix('job_')}_"
        return [t for t in self.twin.simulated(vendor)["tasks"] if attempts in t["external_id"]]

    def paid_attempts(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the attempts that the ledger says were paid for."""
        return [one for one in self.api.attempts(job["job_id"]) if one["charge"]]

    def row(self, job_id: str) -> dict[str, Any]:
        """Return the job's row, as an operator sees it."""
        key = {"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}}
        dynamodb = self.twin.emulator.client("dynamodb")
        return dynamodb.get_item(TableName=self.twin.outputs["TableName"], Key=key)["Item"]

    def hook(self, name: str) -> str:
        """Return the address of a webhook receiver."""
        return f"{self.twin.receiver_url}/hooks/{name}"

    def received(self, name: str) -> list[dict[str, Any]]:
        """Return what came to a webhook receiver."""
        return [one for one in self.twin.webhooks() if one["path"] == f"/hooks/{name}"]

    def answer_webhooks(self, *answers: dict[str, Any]) -> None:
        """Have the webhook receiver give these answers first."""
        url = f"{self.twin.receiver_url}/_receiver/script"
        httpx.post(url, content=json.dumps(answers), trust_env=False).raise_for_status()


def until(read: Callable[[], T], holds: Callable[[T], bool], timeout_s: float = 30) -> T:
    """Return what `read` returns once `holds` is true of it, or after the time-out."""
    deadline = time.monotonic() + timeout_s
    while not holds(found := read()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return found


def body_of(webhook: dict[str, Any]) -> bytes:
    """Return the bytes that a webhook receiver got."""
    return base64.b64decode(webhook["body_base64"])
