"""One job through everything that was deployed, made by the vendor that the stage simulates."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tools.deploy.errors import DeployError

_MODEL = "simulator/clip-1"
_ENDED = frozenset({"succeeded", "failed", "canceled", "expired"})
_BODY = {"kind": "text_to_video", "model": _MODEL, "prompt": "A smoke test of this deployment"}
_TIMEOUT_S = 180.0
_PAUSE_S = 2.0


@dataclass(frozen=True)
class Smoke:
    """What the smoke job showed."""

    job_id: str
    seconds: float
    size_bytes: int


class SmokeTest:
    """Calls the API as a tenant does."""

    def __init__(
        self,
        http: httpx.Client,
        *,
        sleep: Callable[[float], None] = time.sleep,  # noqa: TID251 - a tool waits for itself
        now: Callable[[], float] = time.monotonic,
        fetch: Callable[[str], tuple[int, bytes]] | None = None,
    ) -> None:
        """Use `http`, whose base is the API's address and which sends an API key."""
        self._http = http
        self.fetch = fetch or _fetch
        """Gets status and content of a signed address."""
        self._sleep = sleep
        self._now = now

    def models(self) -> list[str]:
        """Return the models that the API offers: the least that a deployment must do.

        Raises:
            DeployError: the API does not answer as it should.
        """
        answer = self._ask("GET", "/v1/models")
        return [str(model["model"]) for model in answer.json()["items"]]

    def run(self) -> Smoke:
        """Make one video and fetch it.

        Raises:
            DeployError: it was not made, or cannot be fetched; the message says how far it came.
        """
        began = self._now()
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        job = self._ask("POST", "/v1/jobs", json=_BODY, headers=headers).json()
        job_id = str(job["job_id"])
        while job["state"] not in _ENDED:
            if self._now() - began > _TIMEOUT_S:
                raise DeployError(
                    f"The smoke job {job_id} is still {job['state']} after {_TIMEOUT_S:.0f} s:"
                    " look at its execution in the Step Functions console."
                )
            self._sleep(_PAUSE_S)
            job = self._ask("GET", f"/v1/jobs/{job_id}").json()
        if job["state"] != "succeeded":
            raise DeployError(
                f"The smoke job {job_id} is {job['state']}: {job.get('error') or 'no reason'}."
            )
        video = self._fetch(job["outputs"][0]["asset_id"])
        return Smoke(job_id, self._now() - began, len(video))

    def _fetch(self, asset_id: str) -> bytes:
        url = self._ask("POST", f"/v1/assets/{asset_id}/download-url", json={}).json()["url"]
        status, content = self.fetch(url)
        if status != httpx.codes.OK or b"ftyp" not in content[:16]:
            raise DeployError(f"The smoke job's video cannot be fetched (HTTP {status}).")
        return content

    def _ask(self, method: str, path: str, **request: object) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **request)  # type: ignore[arg-type]
        except httpx.HTTPError as exc:
            raise DeployError(
                f"The API did not answer {method} {path} ({type(exc).__name__})."
            ) from exc
        if answer.is_error:
            raise DeployError(
                f"The API answered {method} {path} with {answer.status_code}: {answer.text[:300]}"
            )
        return answer


def _fetch(url: str) -> tuple[int, bytes]:
    # A signed address contradicts a second authorization: not the API's client.
    answer = httpx.get(url, timeout=60, trust_env=False)
    return answer.status_code, answer.content
