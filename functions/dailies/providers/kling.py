"""Kling AI (https://kling.ai/document-api): both generations of its API, on one host.

The secret `providers/kling` holds `api_key`, which opens both, or `access_key` and `secret_key`,
which open the older one; and, where one was made in the vendor's console, `webhook_secret`
(`whsec_…`). Which generation serves a model is data: `wire.generation` in the catalogue. The codecs
are `_kling_paths.py` and `_kling_legacy.py`; each polls the handles that it made.

Quirks of both:
- HTTP 429 means "too much" (1302, 1303) as well as "no money" (1101, 1102) and "no access" (1100,
  1304): the `code` decides.
- A repeated `external_task_id` is refused with 1201 and a text. That does not return the first
  task; a look-up does.
- A query for a task that is not there answers 200 with an empty list, or 400 with 1201.
- Moderation after acceptance is a failed task with a text, without a code.
- Models are switched off without notice: their name is refused with a text that says so.
- Callbacks come on every change of status, unsigned unless a webhook secret was made. Their body is
  that of the generation which made the task.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dailies.domain.errors import ProviderError, ProviderRejectedError, Rejection, StorageError
from dailies.domain.outcomes import (
    CallbackHint,
    CannotTell,
    Download,
    Finished,
    Found,
    Handle,
    LookupOutcome,
    NotCreated,
    Output,
    Pending,
    PollOutcome,
)
from dailies.domain.ports import AttemptRef, GenerationRequest
from dailies.providers._context import ProviderContext
from dailies.providers._kling_generation import Generation, Question, UnusableVideoError
from dailies.providers._kling_keys import KlingKeys
from dailies.providers._kling_legacy import Legacy
from dailies.providers._kling_paths import PathPerModel
from dailies.providers._kling_tasks import KlingTask
from dailies.providers._replies import (
    Reply,
    as_int,
    as_list,
    as_object,
    as_objects,
    as_text,
    parse_json,
    tidy,
)
from dailies.providers._webhooks import signed

_NEWER: Generation = PathPerModel()
_OLDER: Generation = Legacy()
_GENERATIONS = {generation.name: generation for generation in (_NEWER, _OLDER)}
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
_DUPLICATE = re.compile(
    r"already exist|exists already|duplicat|must be unique"
    r"|external.?(task.?)?id(?!.{0,40}(size|length|format))",
    re.IGNORECASE,
)
"""Whatever it has against our id: a look-up is safer than to believe that no task exists."""
_NOT_FOUND = re.compile(r"not found", re.IGNORECASE)
_GONE = re.compile(r"discontinued|no longer (available|supported)|retired", re.IGNORECASE)


class KlingProvider:
    """The `Provider` port over Kling's API; looks up by our own id and takes callbacks."""

    def __init__(self, context: ProviderContext) -> None:
        """Keep the credentials.

        Raises:
            ConfigurationError: the secret has no usable key.
        """
        self._spec = context.spec
        self._api = context.api
        self._errors = context.errors
        self._clock = context.clock
        self._base_url = context.endpoint()
        self._keys = KlingKeys.read(context.secret, context.spec.vendor)
        self._webhook_secret = context.secret.get("webhook_secret") or ""

    def submit(self, request: GenerationRequest, attempt: AttemptRef) -> Handle | Finished:
        """Create one task."""
        model = self._spec.model(request.model)
        wire = model.wire if model else {}
        generation = _generation_of(wire)
        headers = self._headers(generation)
        if headers is None:
            raise self._refused_here(
                Rejection.AUTH,
                "This model needs an API key; an access key does not open its API.",
            )
        try:
            order = generation.order(request, attempt, wire)
        except StorageError as exc:
            raise self._errors.not_sent("an input could not be read") from exc
        except UnusableVideoError as exc:
            raise self._refused_here(
                Rejection.INVALID,
                "Kling goes on only from a video that one of its /v1 tasks made, and gave an id.",
            ) from exc
        reply = self._api.submit(
            self._base_url + order.path,
            headers=headers,
            body=order.body,
            timeout_s=self._spec.submit_timeout_s,
        )
        envelope = reply.json()
        tasks = self._tasks(envelope, generation) if _accepted(reply, envelope) else None
        if tasks is None:
            raise self._submit_error(reply, envelope)
        if not (tasks and tasks[0].id):
            raise self._errors.unknown(reply)
        return generation.handle(tasks[0].id, order.product)

    def poll(self, handle: Handle) -> PollOutcome:
        """Ask for the task's row. A row that is not there (yet) is no failure."""
        generation = _GENERATIONS.get(str(handle.data.get("generation")))
        if generation is None or handle.version not in generation.versions:
            raise self._errors.not_sent(
                f"this release cannot read a task's handle of version {handle.version}"
            )
        tasks = self._ask(generation.by_id(handle), generation)
        task = next((t for t in tasks if t.id == str(handle.data["task_id"])), None)
        return task.outcome(*self._keys.hidden) if task else Pending(started=False)

    def lookup(self, attempt: AttemptRef, model: str) -> LookupOutcome:
        """Find the attempt's task by our id."""
        spec = self._spec.model(model)
        generation = _generation_of(spec.wire if spec else {})
        others = False
        for question in generation.by_external_id(attempt.attempt_id, spec):
            tasks = self._ask(question, generation)
            for task in tasks:
                if task.id and task.external_id in (attempt.attempt_id, ""):
                    return Found(handle=generation.handle(task.id, question.product))
            others = others or bool(tasks)
        if others:
            return CannotTell(reason="Kling answered with other tasks than the one asked for.")
        return NotCreated()

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
        generation = _OLDER if "task_id" in row else _NEWER
        task = generation.task(row, None)
        if not (task.id and task.status) or task.external_id not in (attempt.attempt_id, ""):
            return None
        return CallbackHint(terminal=task.ended)

    # ------------------------------------------------------------ private

    def _headers(self, generation: Generation) -> dict[str, str] | None:
        return self._keys.header(self._clock.now(), takes_tokens=generation.takes_tokens)

    def _tasks(self, envelope: Any, generation: Generation) -> list[KlingTask] | None:
        """Return the tasks under `data`, one or many; None where it is neither."""
        data = as_object(envelope).get("data")
        rows = [as_object(data)] if isinstance(data, dict) else as_objects(data)
        whole = isinstance(data, dict) or (
            isinstance(data, list) and len(rows) == len(as_list(data))
        )
        unit_usd = self._spec.billing_unit_usd
        return [generation.task(row, unit_usd) for row in rows] if whole else None

    def _ask(self, question: Question, generation: Generation) -> list[KlingTask]:
        """Return the rows that answer a question.

        Raises:
            ProviderUnavailableError, ProviderThrottledError: nothing was found out.
        """
        headers = self._headers(generation)
        if headers is None:
            raise self._errors.not_sent("the secret has no API key, which this task's API needs")
        url = self._base_url + question.path
        reply = self._api.read("GET", url, headers=headers, params=question.params or None)
        envelope = reply.json()
        if _accepted(reply, envelope):
            tasks = self._tasks(envelope, generation)
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
        detail = tidy(message, *self._keys.hidden)
        if code in _THROTTLED:
            return self._errors.throttled(reply, str(code))
        if code == _MAINTENANCE:
            return self._errors.unavailable(reply, str(code))
        if code in _MAYBE_ACCEPTED or (reply.ok and code not in _REFUSALS):
            return self._errors.unknown(reply, str(code or ""))
        invalid = code is not None and _REFUSALS.get(code) is Rejection.INVALID
        if invalid and (reply.status == 409 or _DUPLICATE.search(message)):
            return self._errors.duplicate(reply, str(code))
        if code is not None and code in _REFUSALS:
            gone = invalid and _GONE.search(message)
            reason = Rejection.MODEL_GONE if gone else _REFUSALS[code]
            return self._errors.rejected(reason, reply, str(code), detail)
        return self._errors.submit_error(reply, str(code or ""), detail)

    def _refused_here(self, reason: Rejection, why: str) -> ProviderRejectedError:
        """Return: nothing was sent, and nothing ever can be."""
        message = f"{self._spec.title} was not asked. {why}"
        return ProviderRejectedError(message, reason=reason, vendor=self._spec.vendor, detail=why)


def _generation_of(wire: Mapping[str, Any]) -> Generation:
    return _GENERATIONS[wire.get("generation", _NEWER.name)]


def _accepted(reply: Reply, envelope: Any) -> bool:
    return reply.ok and _verdict(envelope)[0] == 0


def _verdict(envelope: Any) -> tuple[int | None, str]:
    """Return the envelope's code (None where it has none) and message."""
    members = as_object(envelope)
    return as_int(members.get("code")), as_text(members.get("message"))
