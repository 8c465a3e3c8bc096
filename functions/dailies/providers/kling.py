"""Kling AI, the path-per-model API of June 2026 (https://kling.ai/document-api).

The secret `providers/kling` holds `api_key` and, where one was made in the vendor's console,
`webhook_secret` (`whsec_…`).

Quirks:
- HTTP 429 means "too much" (1302, 1303) as well as "no money" (1101, 1102) and "no access" (1100,
  1304): the `code` decides.
- A repeated `external_task_id` is refused with 1201 and a text. That does not return the first
  task; a look-up does.
- A query for a task that is not there answers 200 with an empty list.
- Moderation after acceptance is a failed task with a text, without a code.
- `multi_shot` is on unless it is refused.
- Callbacks come on every change of status, unsigned unless a webhook secret was made. Those of the
  older API have another body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from pydantic import Field

from dailies.domain.catalogue import Mode
from dailies.domain.errors import ProviderError, Rejection
from dailies.domain.outcomes import (
    BilledAmount,
    Blocked,
    CallbackHint,
    CannotTell,
    Download,
    Failed,
    FailureCode,
    Finished,
    Found,
    Handle,
    LookupOutcome,
    NotCreated,
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
    Objects,
    Reply,
    Text,
    as_int,
    as_list,
    as_object,
    as_objects,
    as_text,
    credential,
    parse_json,
    tidy,
)
from dailies.providers._webhooks import signed

_PATHS = {Mode.TEXT_TO_VIDEO: "text-to-video", Mode.IMAGE_TO_VIDEO: "image-to-video"}
_REFUSALS: Mapping[int, Rejection] = {
    code: reason
    for reason, codes in {
        Rejection.AUTH: (1000, 1001, 1002, 1003, 1004),
        Rejection.BALANCE: (1101, 1102),
        Rejection.FORBIDDEN: (1100, 1103, 1304),
        Rejection.INVALID: (1200, 1201, 1202),
        Rejection.MODEL_GONE: (1203,),
        Rejection.MODERATION: (1300, 1301),
    }.items()
    for code in codes
}
_THROTTLED = frozenset({1302, 1303})
_MAINTENANCE = 5001
_MAYBE_ACCEPTED = frozenset({5000, 5002})
_BAD_VALUE = 1201
_SUCCEEDED = frozenset({"succeeded", "succeed"})
"""The older API's tasks, which the same query shows, say `succeed`."""
_DUPLICATE = re.compile(r"already exist|exists already|duplicat|must be unique", re.IGNORECASE)
_NOT_FOUND = re.compile(r"not found", re.IGNORECASE)
_GONE = re.compile(r"discontinued|no longer (available|supported)|retired", re.IGNORECASE)
_MODERATION = re.compile(
    r"risk control|content (security|policy)|platform policy|sensitive|moderation|violat",
    re.IGNORECASE,
)
_BAD_INPUT = re.compile(
    r"invalid.{0,40}(resolution|ratio|image|format|size)"
    r"|(resolution|ratio|image|format|size).{0,40}(invalid|unsupported|not supported)",
    re.IGNORECASE,
)


class _Task(LooseModel):
    """A row of `/tasks`, a created task, or a callback."""

    id: Identifier = ""
    status: Text = ""
    message: Text = ""
    external_id: Identifier = ""
    outputs: Objects = Field(default_factory=list[dict[str, Any]])
    billing: Objects = Field(default_factory=list[dict[str, Any]])


class KlingProvider:
    """The `Provider` port over Kling's API; looks up by our own id and takes callbacks."""

    def __init__(self, context: ProviderContext) -> None:
        """Keep the credential.

        Raises:
            ConfigurationError: the secret has no usable `api_key`.
        """
        self._spec = context.spec
        self._api = context.api
        self._errors = context.errors
        self._clock = context.clock
        self._base_url = context.endpoint()
        self._key = credential(context.secret, "api_key", context.spec.vendor)
        self._webhook_secret = context.secret.get("webhook_secret") or ""

    def submit(self, request: GenerationRequest, attempt: AttemptRef) -> Handle | Finished:
        """Create one task."""
        model = self._spec.model(request.model)
        path = f"{_PATHS[Mode(request.kind)]}/{quote(request.model, safe='')}"
        reply = self._api.submit(
            f"{self._base_url}/{path}",
            headers=self._headers(),
            body=_body_create(request, attempt, model.wire if model else {}),
            timeout_s=self._spec.submit_timeout_s,
        )
        envelope = reply.json()
        tasks = _tasks(envelope) if _accepted(reply, envelope) else None
        if tasks is None:
            raise self._submit_error(reply, envelope)
        if not (tasks and tasks[0].id):
            raise self._errors.unknown(reply)
        return _handle(tasks[0].id)

    def poll(self, handle: Handle) -> PollOutcome:
        """Ask for the task's row. A row that is not there (yet) is no failure."""
        task_id = str(handle.data["task_id"])
        task = next((t for t in self._query("task_ids", task_id) if t.id == task_id), None)
        if task is None:
            return Pending(started=False)
        return _outcome_task(task, self._spec.billing_unit_usd, self._key)

    def lookup(self, attempt: AttemptRef, model: str) -> LookupOutcome:
        """Find the attempt's task by our id."""
        tasks = self._query("external_task_ids", attempt.attempt_id)
        if not tasks:
            return NotCreated()
        for task in tasks:
            if task.id and task.external_id in (attempt.attempt_id, ""):
                return Found(handle=_handle(task.id))
        return CannotTell(reason="Kling answered with other tasks than the one asked for.")

    def download(self, output: Output) -> Download:
        """Return the result's address, which is signed: no credential goes with it."""
        return Download(url=str(output.data["url"]), content_type=output.content_type)

    def callback(
        self, attempt: AttemptRef, headers: Mapping[str, str], body: bytes
    ) -> CallbackHint | None:
        """Return the hint of a callback for this attempt.

        With a webhook secret the signature decides. Without one Kling signs nothing, and what makes
        the callback credible is the secret in its URL, which the caller has checked.
        """
        if self._webhook_secret and not signed(
            self._webhook_secret, headers, body, now=self._clock.now(), vendor="kling"
        ):
            return None
        row = as_object(parse_json(body))
        if "task_id" in row:  # the older API's, which we never use
            return None
        task = _Task.model_validate(row)
        if not (task.id and task.status) or task.external_id not in (attempt.attempt_id, ""):
            return None
        return CallbackHint(terminal=task.status in (*_SUCCEEDED, "failed"))

    # ------------------------------------------------------------ private

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"}

    def _query(self, parameter: str, task_id: str) -> list[_Task]:
        """Return the rows of one id.

        Raises:
            ProviderUnavailableError, ProviderThrottledError: nothing was found out.
        """
        reply = self._api.read(
            "GET", f"{self._base_url}/tasks", headers=self._headers(), params={parameter: task_id}
        )
        envelope = reply.json()
        if _accepted(reply, envelope):
            tasks = _tasks(envelope)
            if tasks is not None:
                return tasks
            raise self._errors.unavailable(reply)
        code, message = _verdict(envelope)
        if code == _BAD_VALUE and _NOT_FOUND.search(message):
            return []
        if code in _THROTTLED:
            raise self._errors.throttled(reply, str(code))
        if code is None:
            raise self._errors.read_error(reply)
        raise self._errors.unavailable(reply, str(code))  # also a 429 about money or access

    def _submit_error(self, reply: Reply, envelope: Any) -> ProviderError:
        code, message = _verdict(envelope)
        detail = tidy(message, self._key)
        if code in _THROTTLED:
            return self._errors.throttled(reply, str(code))
        if code == _MAINTENANCE:
            return self._errors.unavailable(reply, str(code))
        if code in _MAYBE_ACCEPTED or (reply.ok and code not in _REFUSALS):
            return self._errors.unknown(reply, str(code or ""))
        if code == _BAD_VALUE and _DUPLICATE.search(message):
            return self._errors.duplicate(reply, str(code))
        if code is not None and code in _REFUSALS:
            gone = _REFUSALS[code] is Rejection.INVALID and _GONE.search(message)
            reason = Rejection.MODEL_GONE if gone else _REFUSALS[code]
            return self._errors.rejected(reason, reply, str(code), detail)
        return self._errors.submit_error(reply, str(code or ""), detail)


# ---------------------------------------------------------------- pure: requests


def _body_create(
    request: GenerationRequest, attempt: AttemptRef, wire: Mapping[str, Any]
) -> dict[str, Any]:
    settings: dict[str, Any] = {
        **wire.get("settings", {}),
        "resolution": request.resolution,
        "duration": request.duration_s,
    }
    if wire.get("audio_field"):
        settings["audio"] = "native" if request.audio else "off"
    options: dict[str, Any] = {
        "external_task_id": attempt.attempt_id,
        "watermark_info": {"enabled": False},
    }
    if attempt.callback_url:
        options["callback_url"] = attempt.callback_url
    if request.kind == Mode.TEXT_TO_VIDEO:
        settings["aspect_ratio"] = request.aspect_ratio
        return {"prompt": request.prompt, "settings": settings, "options": options}
    return {"contents": _contents(request), "settings": settings, "options": options}


def _contents(request: GenerationRequest) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = []
    if request.prompt:
        parts.append({"type": "prompt", "text": request.prompt})
    if request.image:
        parts.append({"type": "first_frame", "url": request.image.url})
    if request.last_frame:
        parts.append({"type": "last_frame", "url": request.last_frame.url})
    return parts


def _handle(task_id: str) -> Handle:
    return Handle(vendor="kling", data={"generation": "path-per-model", "task_id": task_id})


# ---------------------------------------------------------------- pure: replies


def _accepted(reply: Reply, envelope: Any) -> bool:
    return reply.ok and _verdict(envelope)[0] == 0


def _verdict(envelope: Any) -> tuple[int | None, str]:
    """Return the envelope's code (None where it has none) and message."""
    members = as_object(envelope)
    return as_int(members.get("code")), as_text(members.get("message"))


def _tasks(envelope: Any) -> list[_Task] | None:
    """Return the tasks under `data`, one or many; None where it is neither."""
    data = as_object(envelope).get("data")
    rows = [as_object(data)] if isinstance(data, dict) else as_objects(data)
    whole = isinstance(data, dict) or (isinstance(data, list) and len(rows) == len(as_list(data)))
    return [_Task.model_validate(row) for row in rows] if whole else None


def _outcome_task(task: _Task, unit_usd: Decimal | None, key: str) -> PollOutcome:
    if task.status in ("submitted", "processing"):
        return Pending(started=task.status == "processing")
    if task.status not in (*_SUCCEEDED, "failed"):
        return Pending(unknown_status=tidy(task.status) or "(none)")
    succeeded = task.status in _SUCCEEDED
    billed = _billed(task.billing, unit_usd)
    if succeeded and (outputs := _outputs(task.outputs)):
        return Succeeded(outputs=outputs, billed=billed)
    message = tidy(task.message, key)
    if _MODERATION.search(message):
        return Blocked(reasons=[message], billed=billed)
    code = FailureCode.RESULT_MISSING if succeeded else FailureCode.VENDOR_FAILED
    if _BAD_INPUT.search(message):
        code = FailureCode.INPUT_REJECTED
    text = message or f"The task {task.status} without a video."
    return Failed(code=code, message=text, billed=billed)


def _outputs(items: list[dict[str, Any]]) -> list[Output]:
    urls = [as_text(item.get("url")) for item in items if item.get("type", "video") == "video"]
    return [
        Output(content_type="video/mp4", data={"url": url})
        for url in urls
        if url.startswith(("https://", "http://"))
    ]


def _billed(rows: list[dict[str, Any]], unit_usd: Decimal | None) -> BilledAmount | None:
    """Return what the rows add up to: in their unit where they share one, else in dollars."""
    lines = [line for line in map(_billing_line, rows) if line]
    rates = {"usd": Decimal(1), "kling_unit": unit_usd}
    in_usd = [rate * amount for unit, amount in lines if (rate := rates.get(unit)) is not None]
    usd = sum(in_usd, Decimal(0)) if len(in_usd) == len(lines) else None
    units = {unit for unit, _ in lines}
    if len(units) == 1:
        total = sum((amount for _, amount in lines), Decimal(0))
        return BilledAmount(amount=total, unit=units.pop(), amount_usd=usd)
    return (
        BilledAmount(amount=usd, unit="usd", amount_usd=usd) if lines and usd is not None else None
    )


def _billing_line(row: dict[str, Any]) -> tuple[str, Decimal] | None:
    try:
        amount = Decimal(str(row.get("amount")))
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0:
        return None
    if row.get("charge_type") == "unit":
        return "kling_unit", amount
    currency = as_text(row.get("currency")).lower()
    return (currency, amount) if row.get("charge_type") == "cash" and currency else None
