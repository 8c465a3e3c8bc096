"""The Interactions API on Vertex AI: Gemini Omni under a Google project, results in its bucket."""

from __future__ import annotations

import base64
import secrets
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dailies.domain.catalogue import ModelSpec
from local.simulators.clips import FPS
from local.simulators.director import Subject
from local.simulators.google_errors import google_error
from local.simulators.interaction_requests import (
    InteractionRequest,
    InvalidInteractionError,
    parse_interaction,
)
from local.simulators.interactions import (
    NOT_RUNNING,
    WITHHELD,
    cancel_task,
    interaction_document,
    interaction_error,
    unknown_id,
)
from local.simulators.scenario import Missing, UnknownStatus
from local.simulators.server import Request, Response, json_response
from local.simulators.state import Task
from local.simulators.vendor import Refused

if TYPE_CHECKING:
    from local.simulators.google import GoogleSimulator

_PATH = "/v1beta1/projects/{project}/locations/{location}/interactions"


class VertexInteractions:
    """The interactions of one Google project."""

    def __init__(self, google: GoogleSimulator) -> None:
        """Answer under the project of `google`."""
        self._google = google
        google.api.add("POST", _PATH, google.submit(self._create))
        google.api.add("GET", _PATH + "/{id}", google.call(self._show))
        google.api.add("POST", _PATH + "/{id}/cancel", google.call(self._cancel))

    def _authorize(self, request: Request) -> None:
        self._google.authorize(request)
        place = (request.params["project"], request.params["location"])
        if place != (self._google.project, "global"):
            message = "Permission denied on the resource (or it may not exist)."
            raise Refused(google_error(403, message))

    def _create(self, request: Request) -> Response:
        self._authorize(request)
        try:
            body = request.json()
            model = self._model(body)
            wanted = parse_interaction(body, model, self._google.spec.input_image)
            _check_vertex(wanted)
        except InvalidInteractionError as exc:
            raise Refused(interaction_error(400, "invalid_request", str(exc))) from exc
        except ValueError as exc:
            refusal = google_error(400, "Invalid JSON payload received.", in_array=True)
            raise Refused(refusal) from exc
        subject = Subject(model.id, wanted.prompt, wanted.gcs_uri)
        fault = self._google.world.director.fault(self._google.name, "submit", subject)
        self._google.before(fault, "submit")
        task = self._google.store.add(self._task(wanted, model, subject))
        return self._google.after(fault, json_response(200, self._document(task)))

    def _model(self, body: Any) -> ModelSpec:
        name = str(body.get("model")) if isinstance(body, dict) else ""
        model = self._google.spec.model(name)
        if model is None or model.wire.get("dialect") != "interactions":
            raise Refused(interaction_error(404, "not_found", f"Model {name} was not found."))
        return model

    def _task(self, wanted: InteractionRequest, model: ModelSpec, subject: Subject) -> Task:
        price = model.price_usd(
            resolution=wanted.resolution, audio=True, duration_s=wanted.duration_s
        )
        return Task(
            id=f"v1_{secrets.token_urlsafe(24)}",
            model=model.id,
            mode=wanted.mode.value,
            prompt=wanted.prompt,
            external_id=wanted.gcs_uri,
            created_at=self._google.world.clock.now(),
            duration_s=self._google.duration_s(model.id, subject),
            ending=self._google.ending(subject, blocked_message=WITHHELD),
            resolution=wanted.resolution,
            aspect_ratio=wanted.aspect_ratio,
            video_s=wanted.duration_s,
            audio=True,
            image=wanted.image,
            cost_usd=str(price),
        )

    def _show(self, request: Request) -> Response:
        self._google.store.count("poll")
        self._authorize(request)
        task = self._known(request)
        subject = Subject(task.model, task.prompt, task.external_id)
        fault = self._google.world.director.fault(self._google.name, "poll", subject)
        self._google.before(fault, "poll")
        if isinstance(fault, Missing):
            raise Refused(unknown_id())
        odd = {"status": fault.word, "steps": []} if isinstance(fault, UnknownStatus) else {}
        return self._google.after(fault, json_response(200, self._document(task) | odd))

    def _known(self, request: Request) -> Task:
        task = self._google.store.get(request.params["id"])
        if task is None:
            raise Refused(unknown_id())
        return task

    def _cancel(self, request: Request) -> Response:
        self._google.store.count("cancel")
        self._authorize(request)
        task, now = self._known(request), self._google.world.clock.now()
        with self._google.store.lock:
            if task.done(now):
                raise Refused(interaction_error(400, "invalid_request", NOT_RUNNING))
            cancel_task(task, now)
        return json_response(200, self._document(task))

    def _document(self, task: Task) -> dict[str, Any]:
        now = self._google.world.clock.now()
        rate = self._google.spec.billing_unit_usd or Decimal(1)
        return interaction_document(task, now, video=lambda: self._video(task), token_usd=rate)

    def _video(self, task: Task) -> dict[str, str]:
        from local.simulators.google import object_uri

        if task.external_id:
            return {"uri": object_uri(task, 0)}
        spec = self._google.clip_spec(task, frames=task.video_s * FPS)
        return {"data": base64.b64encode(self._google.world.studio.clip(spec)).decode()}


def _check_vertex(wanted: InteractionRequest) -> None:
    if wanted.webhook_uris:
        raise InvalidInteractionError("webhook_config is not supported.")
    if not wanted.background:
        raise InvalidInteractionError("background is required for video output.")
    if (wanted.delivery == "uri") != bool(wanted.gcs_uri):
        raise InvalidInteractionError("response_format.gcs_uri is required for delivery by uri.")
