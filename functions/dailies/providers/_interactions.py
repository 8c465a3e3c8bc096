"""Google's Interactions API (Gemini Omni): what is asked, and how.

The Developer API and Vertex AI speak it alike; addresses and credentials are their adapters'.
Wire format: ai.google.dev/api/interactions, and google-genai 3.4.0.

Quirks:
- `duration` is a string (`"8s"`); a number is refused.
- Without `background` the submit would wait for the video, and could not be cancelled.
- An unknown id is answered 400, and so is, now and then, the poll of a task that runs.
- Our own `data` may come back inside the answer: overlong strings are left out of what is kept.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from dailies.domain.catalogue import Mode
from dailies.domain.errors import ProviderError
from dailies.domain.ports import GenerationRequest, InputMedia
from dailies.providers._failures import VendorErrors
from dailies.providers._google_problems import problem_of, refusal_of
from dailies.providers._http import MAX_REPLY_BYTES, VendorApi
from dailies.providers._interaction_outcome import Interaction
from dailies.providers._long_strings import LongStringFilter
from dailies.providers._replies import Reply, as_object, tidy

POLL_TIMEOUT_S = 30.0
_MEDIA_FREE_BYTES = 16 * 1024
"""A longer string in an interaction is media: left out of what a poll keeps."""
_TASKS = {Mode.TEXT_TO_VIDEO: "text_to_video", Mode.IMAGE_TO_VIDEO: "image_to_video"}


@dataclass(frozen=True)
class InteractionsApi:
    """The calls, for the adapters that have the address and the credential."""

    api: VendorApi = field(repr=False)
    errors: VendorErrors
    url: str
    """Of the collection, no slash at its end."""
    submit_timeout_s: float
    submit_header: Callable[[], dict[str, str]] = field(repr=False)
    read_header: Callable[[], dict[str, str]] = field(repr=False)
    refused: Callable[[], bool] = field(repr=False)
    """Called after a 401; tells whether another credential may do."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must never show in a message."""

    def create(self, body: dict[str, Any]) -> str:
        """Start one interaction and return its id; raises what `Provider.submit` does."""
        reply = self.api.submit(
            self.url, headers=self.submit_header(), body=body, timeout_s=self.submit_timeout_s
        )
        if not reply.ok:
            raise self._submit_error(reply)
        interaction = Interaction.model_validate(as_object(reply.json()))
        if not interaction.id:
            raise self.errors.unknown(reply)
        return interaction.id

    def get(self, interaction_id: str) -> dict[str, Any]:
        """Return an interaction, without its media; raises what `Provider.poll` does."""
        reply = self.api.read(
            "GET",
            self.url_of(interaction_id),
            headers=self.read_header(),
            timeout_s=POLL_TIMEOUT_S,
            collect=_without_media,
        )
        document = as_object(reply.json())
        interaction = Interaction.model_validate(document)
        another = interaction.id not in ("", interaction_id)
        if not reply.ok or not interaction.status or another:
            raise self._read_error(reply)
        return document

    def cancel(self, interaction_id: str) -> None:
        """Ask for an end. One that has ended already refuses, which a poll will tell."""
        reply = self.api.read(
            "POST", f"{self.url_of(interaction_id)}/cancel", headers=self.read_header(), body={}
        )
        if not reply.ok:
            raise self._read_error(reply)

    def url_of(self, interaction_id: str) -> str:
        """Return where an interaction is read."""
        return f"{self.url}/{quote(interaction_id, safe='')}"

    def _submit_error(self, reply: Reply) -> ProviderError:
        problem = problem_of(reply.json())
        word, detail = tidy(problem.word, *self.secrets), tidy(problem.message, *self.secrets)
        if reply.status == 429:
            return self.errors.throttled(reply, word, problem.retry_after_s)
        if reply.status == 401 and self.refused():
            return self.errors.unavailable(reply, word)
        reason = refusal_of(reply.status, problem)
        if reason is None:
            return self.errors.submit_error(reply, word, detail)
        return self.errors.rejected(reason, reply, word, detail)

    def _read_error(self, reply: Reply) -> ProviderError:
        problem = problem_of(reply.json())
        word = tidy(problem.word, *self.secrets)
        if reply.status == 401:
            self.refused()
        if reply.status == 429:
            return self.errors.throttled(reply, word, problem.retry_after_s)
        return self.errors.unavailable(reply, word)


def _without_media(pieces: Iterator[bytes]) -> bytes:
    text, strings = bytearray(), LongStringFilter(_MEDIA_FREE_BYTES)
    for piece in pieces:
        text += strings.feed(piece)
        if len(text) > MAX_REPLY_BYTES:
            break
    return bytes(text)


# ---------------------------------------------------------------- pure: requests


def body_create(
    request: GenerationRequest,
    *,
    delivery: str = "uri",
    gcs_uri: str | None = None,
    webhook: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of one submit. Reads the inputs' bytes.

    `delivery` is `uri` or `inline`; the latter is for at most 4 MB.
    """
    video_format: dict[str, Any] = {
        "type": "video",
        "delivery": delivery,
        "resolution": request.resolution,
        "duration": f"{request.duration_s}s",
    }
    if request.aspect_ratio:
        video_format["aspect_ratio"] = request.aspect_ratio
    if gcs_uri:
        video_format["gcs_uri"] = gcs_uri
    body: dict[str, Any] = {
        "model": request.model,
        "input": _input(request),
        "background": True,
        "store": True,
        "response_format": video_format,
        "generation_config": {"video_config": {"task": _TASKS[Mode(request.kind)]}},
    }
    return body | ({"webhook_config": webhook} if webhook else {})


def _input(request: GenerationRequest) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if request.image:
        blocks.append(_block(request.image))
    if request.prompt:
        blocks.append({"type": "text", "text": request.prompt})
    return blocks


def _block(media: InputMedia) -> dict[str, Any]:
    return {
        "type": media.content_type.partition("/")[0],
        "data": base64.b64encode(media.read()).decode(),
        "mime_type": media.content_type,
    }
