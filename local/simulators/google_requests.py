"""Vertex AI's rules for a Veo request: what the catalogue allows, and the texts of its refusals."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from dailies.domain.catalogue import InputLimits, Mode, ModelSpec, ModeSpec
from local.simulators.clips import image_size

_MAX_SAMPLES = 4
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


def parse_veo(body: Any, model: ModelSpec, limits: InputLimits) -> VeoRequest:
    """Return the request, or raise InvalidArgumentError. Unknown parameters are ignored."""
    instance, parameters = _parts(body)
    for unsupported in ("video", "referenceImages", "mask"):
        if instance.get(unsupported) is not None:
            raise InvalidArgumentError(
                f"The parameter '{unsupported}' is not supported by model {model.id}."
            )
    mode = Mode.IMAGE_TO_VIDEO if instance.get("image") is not None else Mode.TEXT_TO_VIDEO
    spec = model.modes.get(mode)
    if spec is None:
        raise InvalidArgumentError(f"{mode.value} is not supported by model {model.id}.")
    image = _media(instance["image"], "image", limits) if instance.get("image") is not None else b""
    if instance.get("lastFrame") is not None:
        if "last_frame" not in spec.inputs:
            raise InvalidArgumentError("lastFrame requires image to be set.")
        _media(instance["lastFrame"], "lastFrame", limits)
    prompt = _prompt(instance, model, required=mode is Mode.TEXT_TO_VIDEO)
    _check_plain(parameters)
    chosen = _options(parameters, spec)
    return VeoRequest(
        mode=mode,
        prompt=prompt,
        samples=_whole(parameters, "sampleCount", 1, 1, _MAX_SAMPLES),
        storage_uri=_storage_uri(parameters),
        image=image,
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


def _options(parameters: dict[str, Any], spec: ModeSpec) -> dict[str, Any]:
    chosen = {
        "resolution": _one_of(parameters, "resolution", spec.resolutions),
        "aspect_ratio": _one_of(parameters, "aspectRatio", spec.aspect_ratios),
        "duration_s": _one_of(parameters, "durationSeconds", spec.durations_s),
        "audio": _one_of(parameters, "generateAudio", spec.audio),
    }
    for rule in spec.constraints:
        if all(chosen.get(name) == value for name, value in rule.when.items()):
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
