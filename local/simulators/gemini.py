"""Gemini Omni on the Gemini Developer API: interactions, their files, and webhooks of both kinds.

Wire format: ai.google.dev/api/interactions and google-genai 3.4.0. Results have the vendor's own
address, as with the vendor: its SDK and our adapter know that they are here. Paths of `v1beta` and
`v1` are answered alike: the SDK uses the latter unless told otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from decimal import Decimal
from typing import Any, ClassVar

from dailies.domain.catalogue import ModelSpec
from local.simulators.callbacks import CallbackWorker, new_webhook_secret
from local.simulators.clips import FPS
from local.simulators.director import Subject
from local.simulators.gemini_webhooks import (
    RegisteredWebhook,
    TokenSigner,
    Webhooks,
    new_signing_key,
)
from local.simulators.google_errors import google_error, http_error, retry_info
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
    status_word,
    unknown_id,
)
from local.simulators.scenario import (
    ChangeContent,
    ExpireUrl,
    HttpError,
    Missing,
    Moderation,
    Occasion,
    Throttle,
    UnknownStatus,
)
from local.simulators.server import Request, Response, json_response
from local.simulators.serving import serve_bytes
from local.simulators.state import Task
from local.simulators.vendor import Ports, Refused, VendorSimulator, World


class GeminiSimulator(VendorSimulator):
    """The Interactions API of one project."""

    name: ClassVar[str] = "gemini"

    def __init__(self, world: World, ports: Ports) -> None:
        """Bind the ports and make up a key and the secret of registered webhooks."""
        super().__init__(world, ports)
        self.credentials = world.shelf.keep("gemini-keys", _new_credentials)
        self.callbacks = CallbackWorker(world.clock, self.store)
        key = world.shelf.keep("gemini-signer", new_signing_key)
        self.webhooks = Webhooks(self.callbacks, [TokenSigner(**key)])
        for version in ("/v1beta", "/v1"):
            interactions = version + "/interactions"
            self.api.add("POST", interactions, self.submit(self._create))
            self.api.add("GET", interactions + "/{id}", self.call(self._show))
            self.api.add("POST", interactions + "/{id}/cancel", self.call(self._cancel))
            self.api.add("GET", version + "/files/{file}:download", self.call(self._download))
            self.api.add("POST", version + "/webhooks", self.call(self._register))
        self.api.add("GET", "/.well-known/jwks.json", self._publish_keys)

    def start(self) -> None:
        """Begin to answer and to call back, also of tasks that an earlier process took."""
        super().start()
        sent = {one.task_id for one in self.store.callbacks()}
        for task in self.store.all():
            if task.id not in sent and task.ending.kind != "canceled":
                self.webhooks.schedule(task, [])
        self.callbacks.start()

    def settle(self) -> None:
        """Wait until every callback that is due has been sent."""
        self.callbacks.settle()

    def stop(self) -> None:
        """Stop everything."""
        self.callbacks.stop()
        super().stop()

    def reset(self) -> None:
        """Forget every task, every count and every webhook that is still to be sent."""
        self.callbacks.forget()
        super().reset()

    # Errors

    def not_found(self, request: Request) -> Response:
        """Answer a path that does not exist, as Google's front end does."""
        return google_error(404, f"Method not found: {request.method} {request.path}")

    def file_not_found(self, request: Request) -> Response:
        """Answer on the port that this vendor has no use for."""
        return google_error(404, "Not Found")

    def throttled(self, fault: Throttle, on: Occasion) -> Response:
        """Return RESOURCE_EXHAUSTED, with RetryInfo where the scenario names the seconds."""
        message = "You exceeded your current quota, please check your plan and billing details."
        return google_error(429, message, details=retry_info(fault.retry_after_s))

    def failed(self, fault: HttpError) -> Response:
        """Return an error: of the API itself where the scenario has a word for it."""
        if isinstance(fault.code, str):
            return interaction_error(
                fault.status, fault.code, fault.message or "Something went wrong."
            )
        return http_error(fault)

    def blocked(self, fault: Moderation) -> Response:
        """Return the refusal of a prompt."""
        message = fault.message or "The request violates our usage guidelines."
        return interaction_error(400, "invalid_request", message)

    def _authorize(self, request: Request) -> None:
        key = request.headers.get("x-goog-api-key") or request.arg("key")
        if not key:
            message = "Method doesn't allow unregistered callers (callers without identity)."
            raise Refused(google_error(403, message))
        if key != self.credentials["api_key"]:
            info = {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
            }
            message = "API key not valid. Please pass a valid API key."
            raise Refused(google_error(400, message, details=[info]))

    # Submit

    def _create(self, request: Request) -> Response:
        self._authorize(request)
        try:
            body = request.json()
            model = self._model(body)
            wanted = parse_interaction(body, model, self.spec.input_image)
            if wanted.gcs_uri:
                raise InvalidInteractionError("response_format.gcs_uri is for Vertex AI only.")
        except InvalidInteractionError as exc:
            raise Refused(interaction_error(400, "invalid_request", str(exc))) from exc
        except ValueError as exc:
            # What is not even JSON never reaches the API: its front end answers, in an array.
            refusal = google_error(400, "Invalid JSON payload received.", in_array=True)
            raise Refused(refusal) from exc
        external_id = str(wanted.user_metadata.get("attempt_id", ""))
        subject = Subject(model.id, wanted.prompt, external_id)
        fault = self.world.director.fault(self.name, "submit", subject)
        self.before(fault, "submit")
        task = self._accept(wanted, model, subject)
        if not wanted.background:
            self.world.sleeper.sleep(task.duration_s)
        return self.after(fault, json_response(200, self._document(task)))

    def _model(self, body: Any) -> ModelSpec:
        name = str(body.get("model")) if isinstance(body, dict) else ""
        model = self.spec.model(name)
        if model is None or model.lifecycle.retires_on is not None:
            raise Refused(
                interaction_error(404, "not_found", f"Model {name} is no longer available.")
            )
        return model

    def _accept(self, wanted: InteractionRequest, model: ModelSpec, subject: Subject) -> Task:
        price = model.price_usd(
            resolution=wanted.resolution, audio=True, duration_s=wanted.duration_s
        )
        task = self.store.add(
            Task(
                id=f"v1_{secrets.token_urlsafe(24)}",
                model=model.id,
                mode=wanted.mode.value,
                prompt=wanted.prompt,
                external_id=subject.external_id,
                created_at=self.world.clock.now(),
                duration_s=self.duration_s(model.id, subject),
                ending=self.ending(subject, blocked_message=WITHHELD),
                resolution=wanted.resolution,
                aspect_ratio=wanted.aspect_ratio,
                video_s=wanted.duration_s,
                audio=True,
                image=wanted.image,
                cost_usd=str(price),
                extra={
                    "delivery": wanted.delivery,
                    "webhook_uris": wanted.webhook_uris,
                    "user_metadata": wanted.user_metadata,
                },
            )
        )
        self.prepare([self.clip_spec(task, frames=task.video_s * FPS)])
        self.webhooks.schedule(task, self.world.director.callbacks(self.name, subject))
        return task

    # Poll and cancel

    def _show(self, request: Request) -> Response:
        self.store.count("poll")
        self._authorize(request)
        task = self._known(request)
        subject = Subject(task.model, task.prompt, task.external_id)
        fault = self.world.director.fault(self.name, "poll", subject)
        self.before(fault, "poll")
        if isinstance(fault, Missing):
            raise Refused(unknown_id())
        odd = {"status": fault.word, "steps": []} if isinstance(fault, UnknownStatus) else {}
        return self.after(fault, json_response(200, self._document(task) | odd))

    def _known(self, request: Request) -> Task:
        task = self.store.get(request.params["id"])
        if task is None:
            raise Refused(unknown_id())
        return task

    def _cancel(self, request: Request) -> Response:
        self.store.count("cancel")
        self._authorize(request)
        task, now = self._known(request), self.world.clock.now()
        with self.store.lock:
            if task.done(now):
                raise Refused(interaction_error(400, "invalid_request", NOT_RUNNING))
            cancel_task(task, now)
        self.callbacks.drop(task.id)
        return json_response(200, self._document(task))

    def status(self, task: Task, now: float) -> str:
        """Return the vendor's word for a task's state."""
        return status_word(task, now)

    def _document(self, task: Task) -> dict[str, Any]:
        now, rate = self.world.clock.now(), self.spec.billing_unit_usd or Decimal(1)
        return interaction_document(task, now, video=lambda: self._video(task), token_usd=rate)

    def _video(self, task: Task) -> dict[str, str]:
        if task.extra["delivery"] == "uri":
            address = f"{self.spec.base_url}/v1beta/files/{_file_id(task)}:download?alt=media"
            return {"uri": address}
        return {"data": base64.b64encode(self._clip(task)).decode()}

    # Files, keys and registered webhooks

    def _download(self, request: Request) -> Response:
        self.store.count("download")
        self._authorize(request)
        now = self.world.clock.now()
        tasks = [one for one in self.tasks if _file_id(one) == request.params["file"]]
        if not tasks or self.status(tasks[0], now) != "completed":
            message = "You do not have permission to access the File or it may not exist."
            raise Refused(google_error(403, message))
        task = tasks[0]
        subject = Subject(task.model, task.prompt, task.external_id)
        fault = self.world.director.fault(self.name, "download", subject)
        self.before(fault, "download")
        if isinstance(fault, ExpireUrl):
            raise Refused(google_error(404, "Requested entity was not found."))
        clip = self._clip(task, changed=isinstance(fault, ChangeContent))
        answer = serve_bytes(request, clip, modified_at=task.ends_at, headers={}, fault=fault)
        return self.after(fault, answer)

    def _clip(self, task: Task, *, changed: bool = False) -> bytes:
        sample = 100 if changed else 0
        spec = self.clip_spec(task, frames=task.video_s * FPS, sample=sample)
        return self.world.studio.clip(spec)

    def _publish_keys(self, request: Request) -> Response:
        self.store.count("keys")
        if "x-goog-api-key" in request.headers:
            self.store.count("leaked_key")
        return json_response(200, self.webhooks.key_set())

    def _register(self, request: Request) -> Response:
        self._authorize(request)
        try:
            body = request.json()
            uri, events = str(body["uri"]), [str(one) for one in body["subscribed_events"]]
        except (ValueError, KeyError, TypeError) as exc:
            raise Refused(google_error(400, "uri and subscribed_events are required.")) from exc
        webhook = self.register_webhook(uri, events)
        document = {"id": webhook.id, "uri": uri, "subscribed_events": events, "state": "enabled"}
        named = {"name": body.get("name"), "new_signing_secret": webhook.secret}
        return json_response(200, document | named)

    def register_webhook(self, uri: str, events: list[str] | None = None) -> RegisteredWebhook:
        """Tell an address of every end whose submit names no address of its own."""
        told = events if events is not None else ["interaction.completed", "interaction.failed"]
        webhook_id, secret = f"wh_{secrets.token_hex(8)}", self.credentials["webhook_secret"]
        webhook = RegisteredWebhook(webhook_id, uri, told, secret)
        self.webhooks.registered.append(webhook)
        return webhook


def _file_id(task: Task) -> str:
    return hashlib.sha256(task.id.encode()).hexdigest()[:12]


def _new_credentials() -> dict[str, str]:
    return {
        "api_key": f"AIza{secrets.token_urlsafe(26)}",
        "webhook_secret": new_webhook_secret(),
    }
