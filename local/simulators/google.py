"""Google Veo on Vertex AI: long-running predictions, results inline or in Cloud Storage.

Wire format: the Vertex AI reference for Veo at cloud.google.com, and google-genai 3.4.0. Paths of
`v1` and `v1beta1` are answered alike.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from decimal import Decimal
from typing import Any, ClassVar

from dailies.domain.catalogue import Mode, ModelSpec
from local.simulators.clips import FPS
from local.simulators.director import Subject
from local.simulators.google_errors import blocked_text, google_error, http_error, retry_info
from local.simulators.google_interactions import VertexInteractions
from local.simulators.google_oauth import TokenEndpoint, new_key
from local.simulators.google_requests import InvalidArgumentError, VeoRequest, parse_veo
from local.simulators.google_storage import CloudStorage
from local.simulators.scenario import (
    HttpError,
    Missing,
    Moderation,
    Occasion,
    Throttle,
    UnknownStatus,
)
from local.simulators.server import Request, Response, json_response
from local.simulators.state import Task
from local.simulators.vendor import Ports, Refused, VendorSimulator, World

_MODEL_PATH = "/{version}/projects/{project}/locations/{location}/publishers/google/models/{model}"
_RESPONSE_TYPE = "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse"
_SENT_VIDEO_S, _MAX_INPUT_S = 8, 30
_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See"
    " https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_UNAUTHENTICATED = {
    "CREDENTIALS_MISSING": "Request is missing required authentication credential.",
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": "Request had invalid authentication credentials.",
}


class GoogleSimulator(VendorSimulator):
    """Vertex AI, the OAuth token endpoint and Cloud Storage."""

    name: ClassVar[str] = "google"

    def __init__(self, world: World, ports: Ports) -> None:
        """Bind the ports and make up a project with a service account and a bucket."""
        super().__init__(world, ports)
        self.project, self.location, self.bucket = (
            "dailies-simulated",
            "us-central1",
            "dailies-simulated-veo",
        )
        self.tokens = TokenEndpoint(
            f"{self.base_url}/token",
            self.project,
            world.clock,
            world.shelf.keep("google-key", new_key),
        )
        self.credentials = {
            "project": self.project,
            "location": self.location,
            "bucket": self.bucket,
            "service_account": self.tokens.service_account(),
            "access_token": self.tokens.issue(),
        }
        self.api.add("POST", "/token", self.call(self._token))
        self.api.add("POST", _MODEL_PATH + ":predictLongRunning", self.submit(self._predict))
        self.api.add("POST", _MODEL_PATH + ":fetchPredictOperation", self.call(self._fetch))
        VertexInteractions(self)
        # Cloud Storage is another host with the vendor; here it also answers on the API's port.
        storage = CloudStorage(self)
        storage.add_routes(self.files)
        storage.add_routes(self.api)

    def endpoints(self) -> dict[str, str]:
        """Return where Cloud Storage and the Interactions API answer."""
        return {"storage": self.files_url, "interactions": self.base_url}

    # Errors

    def not_found(self, request: Request) -> Response:
        """Answer a path that does not exist."""
        return google_error(404, f"Method not found: {request.method} {request.path}")

    def file_not_found(self, request: Request) -> Response:
        """Answer as Cloud Storage does."""
        return google_error(404, "Not Found")

    def throttled(self, fault: Throttle, on: Occasion) -> Response:
        """Return RESOURCE_EXHAUSTED, with RetryInfo where the scenario names the seconds."""
        message = "Resource exhausted. Please try again later."
        return google_error(429, message, details=retry_info(fault.retry_after_s))

    def failed(self, fault: HttpError) -> Response:
        """Return the error body that belongs to the status."""
        return http_error(fault)

    def blocked(self, fault: Moderation) -> Response:
        """Return the refusal of a prompt."""
        return google_error(
            400, fault.message or blocked_text("The prompt could not be submitted.")
        )

    def authorize(self, request: Request) -> None:
        """Check the access token, or raise Refused."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            raise Refused(_unauthenticated("CREDENTIALS_MISSING"))
        if scheme.lower() != "bearer" or not self.tokens.known(token):
            raise Refused(_unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED"))

    def _token(self, request: Request) -> Response:
        self.store.count("token")
        fault = self.world.director.fault(self.name, "token", Subject())
        self.before(fault, "token")
        return self.after(fault, self.tokens.exchange(request))

    def _model(self, request: Request) -> ModelSpec:
        params = request.params
        if params["version"] not in ("v1", "v1beta1"):
            raise Refused(self.not_found(request))
        if params["project"] != self.project:
            message = (
                "Permission 'aiplatform.endpoints.predict' denied on resource"
                f" '//aiplatform.googleapis.com/{_resource(params)}' (or it may not exist)."
            )
            raise Refused(google_error(403, message))
        model = self.spec.model(params["model"])
        interactions = model is not None and model.wire.get("dialect") == "interactions"
        if model is None or interactions or params["location"] != self.location:
            resource = _resource(params)
            raise Refused(google_error(404, f"Publisher Model `{resource}` was not found."))
        return model

    # Submit

    def _predict(self, request: Request) -> Response:
        self.authorize(request)
        model = self._model(request)
        wanted = self._parse(request, model)
        subject = Subject(model.id, wanted.prompt, wanted.storage_uri)
        fault = self.world.director.fault(self.name, "submit", subject)
        self.before(fault, "submit")
        task = self._accept(wanted, model, subject)
        return self.after(fault, json_response(200, {"name": _operation(request.params, task)}))

    def _parse(self, request: Request, model: ModelSpec) -> VeoRequest:
        try:
            return parse_veo(request.json(), model, self.spec.input_image)
        except InvalidArgumentError as exc:
            raise Refused(google_error(400, str(exc))) from exc
        except ValueError as exc:
            raise Refused(google_error(400, "Invalid JSON payload received.")) from exc

    def _accept(self, wanted: VeoRequest, model: ModelSpec, subject: Subject) -> Task:
        quota = self.world.director.scenario.google.requests_per_minute
        wait_s = self.store.take_quota(model.id, now=self.world.clock.now(), per_minute=quota)
        if wait_s is not None:
            message = (
                "Quota exceeded for aiplatform.googleapis.com/"
                f"online_prediction_requests_per_base_model with base model: {model.id}."
                " Please submit a quota increase request."
            )
            raise Refused(google_error(429, message, details=retry_info(wait_s)))
        price = model.price_usd(
            resolution=wanted.resolution, audio=wanted.audio, duration_s=wanted.duration_s
        )
        with self.store.lock:
            task = Task(
                id=str(uuid.uuid4()),
                model=model.id,
                mode=wanted.mode.value,
                prompt=wanted.prompt,
                external_id=wanted.storage_uri,
                created_at=self.world.clock.now(),
                duration_s=self.duration_s(model.id, subject),
                ending=self.ending(
                    subject, blocked_message=blocked_text("Veo could not generate videos.")
                ),
                resolution=wanted.resolution,
                aspect_ratio=wanted.aspect_ratio,
                video_s=self._seconds_before(wanted) + wanted.duration_s,
                audio=wanted.audio,
                samples=wanted.samples,
                image=wanted.image,
                cost_usd=str(price * Decimal(wanted.samples)),
            )
            self.store.add(task)
        self.prepare(
            [self.clip_spec(task, frames=frames(task), sample=n) for n in range(wanted.samples)]
        )
        return task

    def _seconds_before(self, wanted: VeoRequest) -> int:
        """Return how long the video is that is extended; one that was sent is taken for 8 s."""
        if wanted.mode is not Mode.VIDEO_EXTEND:
            return 0
        if not wanted.video_uri:
            return _SENT_VIDEO_S
        now = self.world.clock.now()
        for task in self.tasks:
            samples = range(task.samples - filtered_count(task))
            made = task.external_id and task.done(now) and task.ending.kind == "succeeded"
            if made and wanted.video_uri in [object_uri(task, one) for one in samples]:
                if task.video_s > _MAX_INPUT_S:
                    message = f"The input video must be at most {_MAX_INPUT_S} seconds long."
                    raise Refused(google_error(400, message))
                return task.video_s
        raise Refused(google_error(404, f"The object {wanted.video_uri} was not found."))

    # Poll

    def _fetch(self, request: Request) -> Response:
        self.store.count("poll")
        self.authorize(request)
        self._model(request)
        name, task = self._named_operation(request)
        subject = Subject(task.model, task.prompt, task.external_id)
        fault = self.world.director.fault(self.name, "poll", subject)
        self.before(fault, "poll")
        if isinstance(fault, Missing):
            raise Refused(google_error(404, f"Operation {name} was not found."))
        if isinstance(fault, UnknownStatus):
            # An operation has no status word; what its metadata may say is nobody's promise.
            return json_response(200, {"name": name, "metadata": {"state": fault.word}})
        return self.after(fault, json_response(200, self._operation_document(name, task)))

    def _named_operation(self, request: Request) -> tuple[str, Task]:
        try:
            body = request.json()
            name = str(body["operationName"])
        except (ValueError, KeyError, TypeError) as exc:
            raise Refused(google_error(400, "The operationName is required.")) from exc
        prefix, _, task_id = name.rpartition("/operations/")
        if prefix != _resource(request.params):
            raise Refused(google_error(400, f"Invalid operation name: {name}"))
        task = self.store.get(task_id)
        if task is None:
            raise Refused(google_error(404, f"Operation {name} was not found."))
        return name, task

    def _operation_document(self, name: str, task: Task) -> dict[str, Any]:
        if not task.done(self.world.clock.now()):
            return {"name": name}
        if task.ending.kind == "failed":
            return {
                "name": name,
                "done": True,
                "error": {"code": task.ending.code, "message": task.ending.message},
            }
        filtered = filtered_count(task)
        response: dict[str, Any] = {"@type": _RESPONSE_TYPE, "raiMediaFilteredCount": filtered}
        if filtered:
            response["raiMediaFilteredReasons"] = [task.ending.message] * filtered
        if filtered < task.samples:
            response["videos"] = [
                self._video(task, sample) for sample in range(task.samples - filtered)
            ]
        return {"name": name, "done": True, "response": response}

    def _video(self, task: Task, sample: int) -> dict[str, str]:
        if task.external_id:
            return {"gcsUri": object_uri(task, sample), "mimeType": "video/mp4"}
        content = self.world.studio.clip(self.clip_spec(task, frames=frames(task), sample=sample))
        return {"bytesBase64Encoded": base64.b64encode(content).decode(), "mimeType": "video/mp4"}

    def status(self, task: Task, now: float) -> str:
        """Return a word for reports; the vendor itself has none."""
        return task.ending.kind if task.done(now) else "running"


def frames(task: Task) -> int:
    """Return how many frames a clip has."""
    return task.video_s * FPS


def filtered_count(task: Task) -> int:
    """Return how many of a task's videos are withheld."""
    return (
        task.samples if task.ending.kind == "blocked" else min(task.ending.filtered, task.samples)
    )


def object_uri(task: Task, sample: int) -> str:
    """Return where a result lies: a folder of its own under the prefix that was asked for."""
    stamp = int(hashlib.sha256(task.id.encode()).hexdigest()[:15], 16)
    return f"{task.external_id.rstrip('/')}/{stamp}/sample_{sample}.mp4"


def _resource(params: dict[str, str]) -> str:
    place = f"projects/{params['project']}/locations/{params['location']}"
    return f"{place}/publishers/google/models/{params['model']}"


def _operation(params: dict[str, str], task: Task) -> str:
    return f"{_resource(params)}/operations/{task.id}"


def _unauthenticated(reason: str) -> Response:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "aiplatform.googleapis.com"},
    }
    return google_error(401, f"{_UNAUTHENTICATED[reason]} {_EXPECTED}", details=[info])
