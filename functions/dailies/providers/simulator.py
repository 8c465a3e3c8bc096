"""The simulated vendor, API v1: `infra/assets/simulator/simulated_vendor.py`.

The secret `providers/simulator` holds `api_key`; CloudFormation makes it. Stages without
`smoke_simulator` have no such vendor: there the address of the catalogue leads nowhere.

Quirks:
- It keeps nothing, so that a task can be found by its id alone, and a second submit is a second
  task (of something that costs nothing).
- A result's address is a path below the API's own, signed, and good for ten minutes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dailies.domain.errors import Rejection
from dailies.domain.outcomes import (
    Blocked,
    Download,
    Failed,
    FailureCode,
    Finished,
    Handle,
    Output,
    Pending,
    PollOutcome,
    Succeeded,
)
from dailies.domain.ports import AttemptRef, GenerationRequest
from dailies.providers._context import ProviderContext
from dailies.providers._replies import (
    Identifier,
    LooseModel,
    Text,
    as_object,
    as_text,
    credential,
    tidy,
)


class _Task(LooseModel):
    """A task, as far as we read it."""

    id: Identifier = ""
    status: Text = ""
    reason: Text = ""
    result_path: Text = ""


class SimulatorProvider:
    """The `Provider` port over the simulated vendor."""

    def __init__(self, context: ProviderContext) -> None:
        """Keep the credential.

        Raises:
            ConfigurationError: the secret has no usable `api_key`.
        """
        self._timeout_s = context.spec.submit_timeout_s
        self._api = context.api
        self._errors = context.errors
        self._endpoint = context.endpoint()
        self._key = credential(context.secret, "api_key", context.spec.vendor)

    def submit(self, request: GenerationRequest, attempt: AttemptRef) -> Handle | Finished:
        """Start one task."""
        reply = self._api.submit(
            f"{self._endpoint}/v1/tasks",
            headers=self._headers(),
            body=_body_task(request, attempt),
            timeout_s=self._timeout_s,
        )
        if not reply.ok:
            error = as_object(as_object(reply.json()).get("error"))
            code, detail = as_text(error.get("code")), tidy(error.get("message"), self._key)
            if code == "content_refused":
                raise self._errors.rejected(Rejection.MODERATION, reply, code, detail)
            raise self._errors.submit_error(reply, code, detail)
        task = _Task.model_validate(as_object(reply.json()))
        if not task.id:
            raise self._errors.unknown(reply)
        return Handle(vendor="simulator", data={"task_id": task.id})

    def poll(self, handle: Handle) -> PollOutcome:
        """Ask for the task."""
        task_id = quote(str(handle.data["task_id"]), safe="")
        url = f"{self._endpoint}/v1/tasks/{task_id}"
        reply = self._api.read("GET", url, headers=self._headers())
        task = _Task.model_validate(as_object(reply.json()))
        if not (reply.ok and task.id):
            raise self._errors.read_error(reply)
        return _outcome_task(task, self._endpoint, self._key)

    def download(self, output: Output) -> Download:
        """Return the result's address, which is signed."""
        return Download(url=str(output.data["url"]), content_type=output.content_type)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"}


# ---------------------------------------------------------------- pure: requests and replies


def _body_task(request: GenerationRequest, attempt: AttemptRef) -> dict[str, Any]:
    return {
        "model": request.model,
        "prompt": request.prompt,
        "duration_s": request.duration_s,
        "external_id": attempt.attempt_id,
    }


def _outcome_task(task: _Task, endpoint: str, key: str) -> PollOutcome:
    reason = tidy(task.reason, key)
    if task.status == "running":
        return Pending(started=True)
    if task.status == "blocked":
        return Blocked(reasons=[reason or "Blocked without a reason."])
    if task.status == "failed":
        return Failed(code=FailureCode.VENDOR_FAILED, message=reason or "The task failed.")
    if task.status != "succeeded":
        return Pending(unknown_status=tidy(task.status) or "(none)")
    if not task.result_path.startswith("/v1/results/"):
        return Failed(code=FailureCode.RESULT_MISSING, message="Succeeded, but there is no result.")
    url = f"{endpoint}{task.result_path}"
    return Succeeded(outputs=[Output(content_type="video/mp4", data={"url": url})])
