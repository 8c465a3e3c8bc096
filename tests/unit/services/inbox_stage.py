"""A drop folder to play with: upload, tell of it, let time pass, look into the outbox."""

from __future__ import annotations

import json
from typing import Any

from dailies.domain.jobs import Job
from dailies.services.ingest_upload import ingest_upload
from dailies.services.sweep_inbox import sweep_inbox
from tests.fakes.inbox import InboxFakes

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(64)
ZIP = b"PK\x03\x04" + bytes(64)
ROOT = "inbox/acme/"
MODEL = {"model": "kling/kling-3.0-turbo"}
PROMPT = {**MODEL, "prompt": "It begins to rain"}
Told = tuple[str, str]


class Stage(InboxFakes):
    """One tenant at work."""

    def drop(self, path: str, content: bytes | str | dict[str, Any] = PNG, **more: Any) -> Told:
        """Upload a file and return what its event says."""
        if isinstance(content, dict):
            content = json.dumps(content)
        data = content.encode() if isinstance(content, str) else content
        key = ROOT + path
        return key, self.folder.upload(key, data, **more)

    def tell(self, *told: Told) -> None:
        """Deliver events of now."""
        for key, version_id in told:
            ingest_upload(key, version_id, self.ports, seen_at=self.clock.now())

    def put(self, path: str, content: bytes | str | dict[str, Any] = PNG, **more: Any) -> Told:
        """Upload a file, and deliver its event."""
        told = self.drop(path, content, **more)
        self.tell(told)
        return told

    def deliver_later(self) -> None:
        """Let the time pass that the queue holds messages back, and deliver them."""
        asked, self.later.asked = self.later.asked, []
        for key, version_id, after_s in sorted(asked, key=lambda one: one[2]):
            seen_at = self.clock.now()
            self.clock.advance(after_s)
            ingest_upload(key, version_id, self.ports, seen_at=seen_at)

    def sweep(self, after_s: float = 0) -> dict[str, int]:
        """Let time pass, then sweep."""
        self.clock.advance(after_s)
        return sweep_inbox(self.ports, remaining_s=lambda: 60.0)

    def jobs(self) -> list[Job]:
        return sorted(self.ledger.jobs("acme", limit=100).items, key=lambda job: job.job_id)

    def state(self, told: Told) -> str:
        arrival = self.arrivals.find(*told)
        return arrival.state.value if arrival else "none"

    def problem(self, path: str) -> dict[str, Any]:
        return json.loads(self.folder.objects[f"outbox/acme/{path}.problem.json"][-1].data)

    def problems(self) -> list[str]:
        return [key for key in self.folder.objects if key.endswith("problem.json")]

    def spent(self, folder: str = ROOT) -> str:
        found = [v for (_, f, _), v in self.arrivals.counted.items() if f == folder]
        return str(sum(found))
