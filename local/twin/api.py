"""The HTTP API as a caller uses it: what the demo and the end-to-end suite speak."""

from __future__ import annotations

import secrets
import time
from typing import Any, Self

import httpx

ENDED = frozenset({"succeeded", "failed", "canceled", "expired"})
_TIMEOUT_S = 60.0


class ApiError(Exception):
    """The API answered with a problem; the message says which."""


class Api:
    """The API with one key."""

    def __init__(self, url: str, api_key: str = "") -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False)
        """For requests that should fail: answers of any status."""

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close its connections."""
        self.http.close()

    def create_job(self, body: dict[str, Any], idempotency_key: str | None = None) -> str:
        """Create a job and return its id."""
        headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        return str(self._json("POST", "/v1/jobs", json=body, headers=headers)["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job."""
        return self._json("GET", f"/v1/jobs/{job_id}")

    def attempts(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's attempts."""
        return self._json("GET", f"/v1/jobs/{job_id}/attempts")["items"]

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's whole log."""
        events: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self._json("GET", f"/v1/jobs/{job_id}/events?after={after}")
            events += page["items"]
            after = page["next_after"]
        return events

    def asset(self, asset_id: str) -> dict[str, Any]:
        """Return what is known of an asset."""
        return self._json("GET", f"/v1/assets/{asset_id}")

    def download(self, asset_id: str) -> bytes:
        """Return an asset's bytes, fetched as a caller fetches them."""
        url = self._json("POST", f"/v1/assets/{asset_id}/download-url", json={})["url"]
        # Signed: another Authorization would contradict it.
        return httpx.get(url, timeout=_TIMEOUT_S, trust_env=False).raise_for_status().content

    def await_end(self, job_id: str, timeout_s: float = 90.0) -> dict[str, Any]:
        """Return the job once it has ended, or as it is after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            job = self.job(job_id)
            if job["state"] in ENDED or time.monotonic() > deadline:
                return job
            time.sleep(0.5)

    def _json(self, method: str, path: str, **request: Any) -> Any:
        answer = self.http.request(method, path, **request)
        if answer.is_error:
            raise ApiError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()
