"""Google Veo and Gemini Omni on Vertex AI (https://cloud.google.com/vertex-ai/generative-ai/docs).

The secret `providers/google` holds a service account's key file as it is, or under
`service_account`, and beside it `bucket` (recommended: `name` or `gs://name/prefix`), `location`
(us-central1) and `project` (the account's own). The account must be allowed to call Vertex AI and
to list and read the bucket.

Veo is a long-running prediction (`v1`); Omni an interaction (`v1beta1`, `_interactions.py`), which
its models' `wire` tells.

Quirks:
- There is no idempotency key and no external id. With a bucket each attempt has a prefix of its
  own; an object there proves that the task exists. Nothing there proves nothing: the prefix fills
  only at the end.
- Polling is a POST. An operation's end is `done`, with a `response` or an `error`.
- Without a bucket the video comes as base64 inside the operation's JSON, tens of MB of it. A poll
  reads only as far as it must; the bytes are fetched by asking again.
- A video is extended by about 7 seconds, and the result holds both. One that Veo made itself need
  not be sent: its object is named.
- What the safety filter withholds is no error: a count and reasons stand in the response.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

from dailies.domain.catalogue import Mode
from dailies.domain.errors import (
    ProviderError,
    ProviderRejectedError,
    ProviderUnavailableError,
    StorageError,
)
from dailies.domain.outcomes import (
    Base64Member,
    CannotTell,
    Download,
    Finished,
    Found,
    Handle,
    LookupOutcome,
    Output,
    Pending,
    PollOutcome,
    Succeeded,
)
from dailies.domain.ports import AttemptRef, GenerationRequest, InputMedia, InputVideo
from dailies.providers._context import ProviderContext
from dailies.providers._google_problems import problem_of, refusal_of
from dailies.providers._interaction_outcome import outcome_of as outcome_of_interaction
from dailies.providers._interactions import InteractionsApi, body_create
from dailies.providers._replies import (
    Reply,
    as_int,
    as_object,
    as_objects,
    as_text,
    parse_json,
    tidy,
)
from dailies.providers._service_account import ServiceAccount
from dailies.providers._veo_operation import OperationReader, names_object, outcome_of

_LOCATION = "us-central1"
_POLL_TIMEOUT_S = 30.0


class GoogleProvider:
    """The `Provider` port over Vertex AI; looks up by the attempt's own output prefix."""

    def __init__(self, context: ProviderContext) -> None:
        """Read the secret; no token is fetched yet.

        Raises:
            ConfigurationError: the secret is not a service account's key file.
        """
        self._spec = context.spec
        self._api = context.api
        self._errors = context.errors
        self._account = ServiceAccount(context)
        self._storage_url = context.endpoint("storage")
        secret = context.secret
        project = quote(secret.get("project") or self._account.project, safe="")
        location = quote(secret.get("location") or _LOCATION, safe="")
        self._models_url = (
            f"{context.endpoint()}/v1/projects/{project}/locations/{location}"
            "/publishers/google/models"
        )
        self._interactions = InteractionsApi(
            api=context.api,
            errors=context.errors,
            url=(
                f"{context.endpoint('interactions')}/v1beta1/projects/{project}"
                "/locations/global/interactions"
            ),
            submit_timeout_s=context.spec.submit_timeout_s,
            submit_header=self._account.header,
            read_header=self._header,
            refused=self._account.forget,
        )
        bucket, _, prefix = (secret.get("bucket") or "").removeprefix("gs://").partition("/")
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def submit(self, request: GenerationRequest, attempt: AttemptRef) -> Handle | Finished:
        """Start one operation, or one interaction for a model that speaks so."""
        storage_uri = f"gs://{self._bucket}/{self._folder(attempt)}" if self._bucket else None
        model = self._spec.model(request.model)
        try:
            if model is not None and model.wire.get("dialect") == "interactions":
                delivery = "uri" if storage_uri else "inline"
                asked = body_create(request, delivery=delivery, gcs_uri=storage_uri)
                return _handle({"interaction": self._interactions.create(asked)})
            body = _body_predict(request, storage_uri)
        except StorageError as exc:
            raise self._errors.not_sent("an input could not be read") from exc
        reply = self._api.submit(
            f"{self._model_url(request.model)}:predictLongRunning",
            headers=self._account.header(),
            body=body,
            timeout_s=self._spec.submit_timeout_s,
        )
        if not reply.ok:
            raise self._submit_error(reply)
        name = as_text(as_object(reply.json()).get("name")).strip()
        if not name:
            raise self._errors.unknown(reply)
        return _handle({"operation": name, "model": request.model})

    def poll(self, handle: Handle) -> PollOutcome:
        """Ask for the operation, or tell what a look-up has found already."""
        if "objects" in handle.data:
            uris = handle.data["objects"]
            return Succeeded(outputs=[_stored(uri) for uri in uris])
        if "interaction" in handle.data:
            interaction_id = str(handle.data["interaction"])
            return outcome_of_interaction(
                self._interactions.get(interaction_id),
                interaction_id,
                names_object,
                token_usd=self._spec.billing_unit_usd,
            )
        reader = OperationReader()
        reply = self._api.read(
            "POST",
            f"{self._model_url(handle.data['model'])}:fetchPredictOperation",
            headers=self._header(),
            body={"operationName": handle.data["operation"]},
            timeout_s=_POLL_TIMEOUT_S,
            collect=reader,
        )
        if not reply.ok:
            raise self._read_error(reply)
        operation = parse_json(reply.body, partial=reader.stopped)
        if not isinstance(operation, dict):
            raise self._errors.unavailable(reply)
        return self._outcome(reply, as_object(operation), handle)

    def cancel(self, handle: Handle) -> None:
        """Ask for an interaction's end. Veo's operations cannot be stopped: nothing is asked."""
        if "interaction" in handle.data:
            self._interactions.cancel(str(handle.data["interaction"]))

    def lookup(self, attempt: AttemptRef, model: str) -> LookupOutcome:
        """Find the attempt's video under its own prefix. An empty prefix does not tell anything."""
        if not self._bucket:
            return CannotTell(reason="Without a bucket there is nothing to look an attempt up by.")
        reply = self._api.read(
            "GET",
            f"{self._storage_url}/storage/v1/b/{quote(self._bucket, safe='')}/o",
            headers=self._header(),
            params={"prefix": self._folder(attempt), "fields": "items(name,size,contentType)"},
        )
        if not reply.ok:
            raise self._read_error(reply)
        items = as_objects(as_object(reply.json()).get("items"))
        # An object without bytes is one that is not written yet, or a folder's placeholder.
        names = sorted(as_text(item.get("name")) for item in items if as_int(item.get("size")) != 0)
        objects = [f"gs://{self._bucket}/{name}" for name in names if name.endswith(".mp4")]
        if objects:
            return Found(handle=_handle({"objects": objects, "model": model}))
        return CannotTell(reason="The attempt's prefix is empty, as it is until the end.")

    def download(self, output: Output) -> Download:
        """Return the object's address, or the question whose answer holds the bytes."""
        if uri := _gcs_uri(output):
            bucket, _, name = uri.removeprefix("gs://").partition("/")
            path = f"b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"
            return Download(
                url=f"{self._storage_url}/storage/v1/{path}?alt=media",
                headers=self._header(),
                content_type=output.content_type,
            )
        if "interaction" in output.data:
            return Download(
                url=self._interactions.url_of(str(output.data["interaction"])),
                headers=self._header(),
                content_type=output.content_type,
                base64_member=Base64Member(path=tuple(output.data["path"])),
            )
        return Download(
            url=f"{self._model_url(output.data['model'])}:fetchPredictOperation",
            method="POST",
            headers=self._header() | {"Content-Type": "application/json"},
            body=json.dumps({"operationName": output.data["operation"]}).encode(),
            content_type=output.content_type,
            base64_member=Base64Member(path=tuple(output.data["path"])),
        )

    # ------------------------------------------------------------ private

    def _model_url(self, model: str) -> str:
        return f"{self._models_url}/{quote(model, safe='')}"

    def _folder(self, attempt: AttemptRef) -> str:
        return f"{self._prefix}{attempt.attempt_id}/"

    def _header(self) -> dict[str, str]:
        """Return the header of a read: an account that is refused says nothing about the task."""
        try:
            return self._account.header()
        except ProviderRejectedError as exc:
            raise ProviderUnavailableError(
                str(exc), vendor=exc.vendor, http_status=exc.http_status
            ) from exc

    def _submit_error(self, reply: Reply) -> ProviderError:
        problem = problem_of(reply.json())
        if reply.status == 429:
            return self._errors.throttled(reply, problem.word, problem.retry_after_s)
        if reply.status == 401 and self._account.forget():
            return self._errors.unavailable(reply, problem.word)
        reason = refusal_of(reply.status, problem)
        if reason is None:
            return self._errors.submit_error(reply, problem.word, tidy(problem.message))
        return self._errors.rejected(reason, reply, problem.word, tidy(problem.message))

    def _read_error(self, reply: Reply) -> ProviderError:
        problem = problem_of(reply.json())
        if reply.status == 401:
            self._account.forget()
        if reply.status == 429:
            return self._errors.throttled(reply, problem.word, problem.retry_after_s)
        return self._errors.unavailable(reply, problem.word)

    def _outcome(self, reply: Reply, operation: dict[str, Any], handle: Handle) -> PollOutcome:
        if operation.get("done") is True:
            return outcome_of(operation, handle)
        if "error" in operation or not operation.keys() & {"name", "done", "metadata"}:
            raise self._errors.unavailable(reply, problem_of(operation).word)
        return Pending()


# ---------------------------------------------------------------- pure: requests


def _body_predict(request: GenerationRequest, storage_uri: str | None) -> dict[str, Any]:
    extends = request.kind == Mode.VIDEO_EXTEND
    parameters = {
        "sampleCount": 1,
        "durationSeconds": None if extends else request.duration_s,  # Veo adds what it adds
        "resolution": request.resolution,
        "generateAudio": request.audio,
        "personGeneration": "allow_adult",
        "aspectRatio": request.aspect_ratio,
        "negativePrompt": request.negative_prompt,
        "seed": request.seed,
        "storageUri": storage_uri,
    }
    given = {name: value for name, value in parameters.items() if value is not None}
    return {"instances": [_instance(request)], "parameters": given}


def _instance(request: GenerationRequest) -> dict[str, Any]:
    instance: dict[str, Any] = {"prompt": request.prompt} if request.prompt else {}
    if request.image:
        instance["image"] = _media(request.image)
    if request.last_frame:
        instance["lastFrame"] = _media(request.last_frame)
    if request.references:
        instance["referenceImages"] = [
            {"image": _media(image), "referenceType": "asset"} for image in request.references
        ]
    if request.video:
        instance["video"] = _video(request.video)
    return instance


def _video(video: InputVideo) -> dict[str, str]:
    """Return the video to go on from: where Veo left it, if it is Veo's; else its bytes."""
    made_here = video.origin is not None and video.origin.vendor == "google"
    uri = _gcs_uri(video.origin.output) if video.origin and made_here else ""
    if uri:
        return {"gcsUri": uri, "mimeType": video.content_type}
    return _media(video)


def _media(media: InputMedia) -> dict[str, str]:
    encoded = base64.b64encode(media.read()).decode()
    return {"bytesBase64Encoded": encoded, "mimeType": media.content_type}


def _handle(data: dict[str, Any]) -> Handle:
    return Handle(vendor="google", data=data)


def _gcs_uri(output: Output) -> str:
    """Return where an output lies; empty where it is inline. Interactions say `uri`."""
    return as_text(output.data.get("gcs_uri") or output.data.get("uri"))


def _stored(uri: str) -> Output:
    return Output(content_type="video/mp4", data={"gcs_uri": uri})
