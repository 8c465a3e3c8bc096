"""The Interactions API's rules for a request that makes a video, and the texts of its refusals."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dailies.domain.catalogue import InputLimits, Mode, ModelSpec
from local.simulators.clips import image_size

_TASKS = {mode.value: mode for mode in (Mode.TEXT_TO_VIDEO, Mode.IMAGE_TO_VIDEO)}
_KNOWN = frozenset(
    {
        "model", "input", "background", "store", "stream", "previous_interaction_id",
        "response_format", "generation_config", "system_instruction", "safety_settings",
        "service_tier", "labels", "tools", "webhook_config", "response_modalities",
        "continuation_token",
    }
)  # fmt: skip
_DURATION = re.compile(r"(\d{1,3})(?:\.0{1,9})?s")


class InvalidInteractionError(Exception):
    """The request is refused; the text says why."""


@dataclass(frozen=True)
class InteractionRequest:
    """A request that passed."""

    mode: Mode
    prompt: str
    resolution: str
    aspect_ratio: str
    duration_s: int
    delivery: str
    gcs_uri: str
    """Where Vertex AI puts the result; the Developer API has no such thing."""
    background: bool
    image: bytes
    webhook_uris: list[str] = field(default_factory=list[str])
    user_metadata: dict[str, Any] = field(default_factory=dict[str, Any])


def parse_interaction(body: Any, model: ModelSpec, limits: InputLimits) -> InteractionRequest:
    """Return the request, or raise InvalidInteractionError."""
    _check_members(body)
    blocks = list(_blocks(body.get("input")))
    prompt = " ".join(str(one.get("text") or "") for one in blocks if one.get("type") == "text")
    images = [_image(one, limits) for one in blocks if one.get("type") == "image"]
    mode = _mode(body, images)
    if len(prompt) > model.prompt_max_chars or (mode is Mode.TEXT_TO_VIDEO and not prompt.strip()):
        raise InvalidInteractionError("The input text is missing or too long.")
    uris, metadata = _webhook(body.get("webhook_config"))
    return InteractionRequest(
        mode=mode,
        prompt=prompt,
        background=bool(body.get("background")),
        image=images[0] if images else b"",
        webhook_uris=uris,
        user_metadata=metadata,
        **_format(body.get("response_format"), model, mode),
    )


def _check_members(body: Any) -> None:
    if not isinstance(body, dict):
        raise InvalidInteractionError("The request must be an object.")
    if unknown := sorted(set(body) - _KNOWN):
        raise InvalidInteractionError(f'Unknown parameter "{unknown[0]}".')
    if body.get("background") and body.get("store") is False:
        raise InvalidInteractionError("background requires store to be true.")


def _blocks(given: Any) -> Iterator[dict[str, Any]]:
    """Yield the content blocks of `input`: a text, a block, blocks, or steps that hold blocks."""
    if isinstance(given, str):
        yield {"type": "text", "text": given}
        return
    items = given if isinstance(given, list) else [given]
    for item in items:
        if not isinstance(item, dict):
            raise InvalidInteractionError("input must be a string or a list of content blocks.")
        if item.get("type") == "user_input":
            yield from _blocks(item.get("content") or [])
        elif item.get("type") in ("text", "image"):
            yield item
        else:
            raise InvalidInteractionError(f"input of type {item.get('type')!r} is not supported.")


def _mode(body: dict[str, Any], images: list[bytes]) -> Mode:
    config = (body.get("generation_config") or {}).get("video_config") or {}
    default = Mode.IMAGE_TO_VIDEO if images else Mode.TEXT_TO_VIDEO
    task = config.get("task") or default.value
    if task not in _TASKS:
        raise InvalidInteractionError(f"video_config.task {task!r} is not supported.")
    if (_TASKS[task] is Mode.IMAGE_TO_VIDEO) != bool(images):
        raise InvalidInteractionError(f"The input does not fit video_config.task {task!r}.")
    return _TASKS[task]


def _image(block: dict[str, Any], limits: InputLimits) -> bytes:
    if block.get("mime_type") not in limits.content_types:
        raise InvalidInteractionError("The image's mime_type is not supported.")
    if block.get("uri"):
        return b""
    try:
        content = base64.b64decode(block.get("data") or "", validate=True)
    except (binascii.Error, ValueError, TypeError) as exc:
        raise InvalidInteractionError("The image's data is not valid base64.") from exc
    if not content or len(content) > limits.max_bytes or not image_size(content):
        raise InvalidInteractionError("Unable to process the input image.")
    return content


def _format(given: Any, model: ModelSpec, mode: Mode) -> dict[str, Any]:
    whole = given[0] if isinstance(given, list) and len(given) == 1 else (given or {})
    if not isinstance(whole, dict) or whole.get("type", "video") != "video":
        raise InvalidInteractionError("response_format.type must be video for this model.")
    spec = model.modes[mode]
    duration_s = spec.durations_s[0]
    if (asked := whole.get("duration")) is not None:
        match = _DURATION.fullmatch(asked) if isinstance(asked, str) else None
        if match is None or int(match[1]) not in spec.durations_s:
            raise InvalidInteractionError(f"Invalid value at response_format.duration: {asked}.")
        duration_s = int(match[1])
    return {
        "duration_s": duration_s,
        "resolution": _one_of(whole, "resolution", spec.resolutions),
        "aspect_ratio": _one_of(whole, "aspect_ratio", spec.aspect_ratios),
        "delivery": _one_of(whole, "delivery", ["inline", "uri"]),
        "gcs_uri": _gcs_uri(whole.get("gcs_uri")),
    }


def _gcs_uri(given: Any) -> str:
    if given is None:
        return ""
    if not isinstance(given, str) or not re.fullmatch(r"gs://[^/]+/.+", given):
        raise InvalidInteractionError(f"Invalid value at response_format.gcs_uri: {given}.")
    return given


def _one_of(given: dict[str, Any], name: str, allowed: list[str]) -> str:
    value = given.get(name)
    if value is not None and value not in allowed:
        raise InvalidInteractionError(f"Invalid value at response_format.{name}: {value}.")
    return value or allowed[0]


def _webhook(given: Any) -> tuple[list[str], dict[str, Any]]:
    config = given or {}
    uris, metadata = config.get("uris") or [], config.get("user_metadata") or {}
    plain = isinstance(uris, list) and all(isinstance(uri, str) for uri in uris)
    if not plain or not isinstance(metadata, dict):
        raise InvalidInteractionError("Invalid value at webhook_config.")
    return uris, metadata
