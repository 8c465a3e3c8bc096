"""Vertex AI's rules for a Veo request: what the catalogue allows, and the texts of its refusals."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from dailies.domain.catalogue import Input, InputLimits, Mode, ModelSpec, ModeSpec
from local.simulators.clips import image_size

_MAX_SAMPLES = 4
_MAX_REFERENCES = 3
_RATIOS = ["16:9", "9:16"]
"""What is taken where the catalogue lists none, because the ratio follows the video."""
_MAX_SEED = 2**32 - 1
_ENUMS = {
    "personGeneration": ["allow_adult", "disallow", "allow_all"],
    "resizeMode": ["crop", "pad"],
    "compressionQuality": ["optimized", "lossless"],
    "fps": [24],
}
_MAGIC = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}


class InvalidArgumentError(Exception):
    """The request is refused; the text says which parameter is wrong."""


@dataclass(frozen=True)
class VeoRequest:
    """A request that passed."""

    mode: Mode
    prompt: str
    resolution: str
    aspect_ratio: str
    duration_s: int
    audio: bool
    samples: int
    storage_uri: str
    image: bytes
    """The first frame, else the first reference."""
    video_uri: str
    """The object that is extended; empty where the video itself was sent, or none."""


def parse_veo(body: Any, model: ModelSpec, limits: InputLimits) -> VeoRequest:
    """Return the request, or raise InvalidArgumentError. Unknown parameters are ignored."""
    instance, parameters = _parts(body)
    mode = _mode(instance)
    spec = model.modes.get(mode)
    if spec is None:
        raise InvalidArgumentError(f"{mode.value} is not supported by model {model.id}.")
    if instance.get("mask") is not None:
        raise InvalidArgumentError(f"The parameter 'mask' is not supported by model {model.id}.")
    image = _media(instance["image"], "image", limits) if instance.get("image") is not None else b""
    if instance.get("lastFrame") is not None:
        if "last_frame" not in spec.inputs:
            raise InvalidArgumentError("lastFrame requires image to be set.")
        _media(instance["lastFrame"], "lastFrame", limits)
    references = _references(instance.get("referenceImages"), spec, limits)
    prompt = _prompt(instance, model, required=mode is Mode.TEXT_TO_VIDEO)
    _check_plain(parameters)
    chosen = _options(parameters, spec, {"references": bool(references)})
    return VeoRequest(
        mode=mode,
        prompt=prompt,
        samples=_whole(parameters, "sampleCount", 1, 1, _MAX_SAMPLES),
        storage_uri=_storage_uri(parameters),
        image=image or next(iter(references), b""),
        video_uri=_video_uri(instance.get("video")),
        **chosen,
    )


def _parts(body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    instances = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(instances, list) or not instances:
        raise InvalidArgumentError("The request must have 'instances'.")
    if len(instances) > 1 or not isinstance(instances[0], dict):
        raise InvalidArgumentError("Exactly one instance is supported.")
    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidArgumentError("'parameters' must be an object.")
    return instances[0], parameters


def _prompt(instance: dict[str, Any], model: ModelSpec, *, required: bool) -> str:
    prompt = instance.get("prompt") or ""
    if not isinstance(prompt, str) or (required and not prompt.strip()):
        raise InvalidArgumentError("Text prompt is required for text to video generation.")
    if len(prompt) > model.prompt_max_chars:
        raise InvalidArgumentError(
            f"The prompt is too long: at most {model.prompt_max_chars} characters."
        )
    return prompt


def _mode(instance: dict[str, Any]) -> Mode:
    if instance.get("video") is not None:
        return Mode.VIDEO_EXTEND
    return Mode.IMAGE_TO_VIDEO if instance.get("image") is not None else Mode.TEXT_TO_VIDEO


def _references(given: Any, spec: ModeSpec, limits: InputLimits) -> list[bytes]:
    if given is None:
        return []
    if Input.REFERENCES not in spec.inputs:
        raise InvalidArgumentError("The parameter 'referenceImages' is not supported here.")
    if not isinstance(given, list) or not 1 <= len(given) <= _MAX_REFERENCES:
        raise InvalidArgumentError(f"At most {_MAX_REFERENCES} referenceImages are supported.")
    images: list[bytes] = []
    for one in given:
        if not isinstance(one, dict) or one.get("referenceType") != "asset":
            raise InvalidArgumentError("The referenceType of referenceImages must be 'asset'.")
        images.append(_media(one.get("image"), "referenceImages", limits))
    return images


def _video_uri(video: Any) -> str:
    """Return the object that a video is, or nothing for one that was sent."""
    if video is None:
        return ""
    if not isinstance(video, dict) or video.get("mimeType") != "video/mp4":
        raise InvalidArgumentError("The video needs a mimeType of video/mp4.")
    uri = video.get("gcsUri")
    if isinstance(uri, str) and uri.startswith("gs://"):
        return uri
    try:
        content = base64.b64decode(video.get("bytesBase64Encoded") or "", validate=True)
    except (binascii.Error, ValueError, TypeError) as exc:
        raise InvalidArgumentError("The video has invalid Base64 in bytesBase64Encoded.") from exc
    if content[4:8] != b"ftyp":
        raise InvalidArgumentError("Unable to process the video: it is not an MP4 file.")
    return ""


def _options(parameters: dict[str, Any], spec: ModeSpec, facts: dict[str, bool]) -> dict[str, Any]:
    chosen = {
        "resolution": _one_of(parameters, "resolution", spec.resolutions),
        "aspect_ratio": _one_of(parameters, "aspectRatio", spec.aspect_ratios or _RATIOS),
        "duration_s": _one_of(parameters, "durationSeconds", spec.durations_s),
        "audio": _one_of(parameters, "generateAudio", spec.audio),
    }
    for rule in spec.constraints:
        if all((chosen | facts).get(name) == value for name, value in rule.when.items()):
            bad = next(
                (name for name, allowed in rule.then.items() if chosen.get(name) not in allowed),
                None,
            )
            if bad:
                raise InvalidArgumentError(
                    f"The {bad} {chosen[bad]} is not supported: {rule.reason}"
                )
    return chosen


def _one_of(parameters: dict[str, Any], name: str, allowed: list[Any]) -> Any:
    value = parameters.get(name)
    if value is None:
        return allowed[0]
    if type(value) is not type(allowed[0]) or value not in allowed:
        words = ", ".join(str(one) for one in sorted(allowed))
        raise InvalidArgumentError(
            f"The parameter '{name}' has the unsupported value '{value}'. Supported: {words}."
        )
    return value


def _check_plain(parameters: dict[str, Any]) -> None:
    """Check the parameters that change nothing here."""
    for name, allowed in _ENUMS.items():
        _one_of(parameters, name, allowed)
    _whole(parameters, "seed", 0, 0, _MAX_SEED)
    for name, kind in (("negativePrompt", str), ("enhancePrompt", bool), ("pubsubTopic", str)):
        if parameters.get(name) is not None and not isinstance(parameters[name], kind):
            raise InvalidArgumentError(f"The parameter '{name}' has the wrong type.")


def _whole(parameters: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgumentError(
            f"The parameter '{name}' must be a whole number from {least} to {most}."
        )
    return value


def _storage_uri(parameters: dict[str, Any]) -> str:
    uri = parameters.get("storageUri") or ""
    bucket = uri.removeprefix("gs://").partition("/")[0] if isinstance(uri, str) else ""
    if uri and not (isinstance(uri, str) and uri.startswith("gs://") and bucket):
        raise InvalidArgumentError(
            f"The storageUri '{uri}' must be a Cloud Storage URI: gs://BUCKET/PREFIX."
        )
    return uri


def _media(media: Any, field: str, limits: InputLimits) -> bytes:
    """Return the bytes of an image; one in Cloud Storage has none here."""
    if not isinstance(media, dict) or media.get("mimeType") not in limits.content_types:
        raise InvalidArgumentError(
            f"The {field} needs a mimeType of {' or '.join(limits.content_types)}."
        )
    if isinstance(media.get("gcsUri"), str) and media["gcsUri"].startswith("gs://"):
        return b""
    try:
        content = base64.b64decode(media.get("bytesBase64Encoded") or "", validate=True)
    except (binascii.Error, ValueError, TypeError) as exc:
        raise InvalidArgumentError(
            f"The {field} has invalid Base64 in bytesBase64Encoded."
        ) from exc
    if not content:
        raise InvalidArgumentError(f"The {field} needs either gcsUri or bytesBase64Encoded.")
    if len(content) > limits.max_bytes:
        raise InvalidArgumentError(f"The {field} exceeds {limits.max_bytes // 1024**2} MB.")
    if not any(content.startswith(magic) for magic in _MAGIC.values()):
        raise InvalidArgumentError(f"Unable to process the {field}: it is not a JPEG or PNG image.")
    return content if image_size(content) else b""
