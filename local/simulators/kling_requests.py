"""Kling's rules for a create request: the catalogue's limits, refused in the vendor's words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from dailies.domain.catalogue import InputLimits, Mode, ModelSpec, ModeSpec
from local.simulators.clips import image_ratio
from local.simulators.kling_images import InvalidRequestError, read_image
from local.simulators.state import Task

_MAX_SHOTS = 6
_SHOT_WORDS = 512
_SHOT = re.compile(r"^shot\s+(\d+)\s*,\s*(\d+)\s*,(.*)$", re.IGNORECASE | re.DOTALL)
_EXTRA_PARTS = {"kling-3.0": {"element": 3}, "kling-2.6": {"voice": 2}}
"""Content parts beyond the catalogue's inputs, and how many of each a model takes."""
_MULTI_SHOT_MODELS = {"kling-3.0"}


@dataclass(frozen=True)
class CreateRequest:
    """A create request that passed."""

    prompt: str
    resolution: str
    aspect_ratio: str
    duration_s: int
    audio: bool
    callback_url: str
    external_id: str
    watermark: bool
    image: bytes
    image_failed: bool
    """The first frame's URL could not be read, which the vendor finds out after acceptance."""
    parent: Task | None = None
    """The task whose video is extended."""


def parse_create(body: Any, mode: Mode, model: ModelSpec, limits: InputLimits) -> CreateRequest:
    """Return the request, or raise InvalidRequestError; unknown keys are ignored, as live."""
    if not isinstance(body, dict):
        raise InvalidRequestError("request body must be a JSON object")
    spec = model.modes[mode]
    settings, options = _object(body, "settings"), _object(body, "options")
    parts: dict[str, str] = {}
    if mode is Mode.TEXT_TO_VIDEO:
        prompt = _text(body.get("prompt"), "prompt", model.prompt_max_chars, least=1)
    else:
        parts = _parse_contents(body.get("contents"), spec, model)
        prompt = parts.get("prompt", "")
    chosen = _settings(settings, spec, last_frame="last_frame" in parts)
    _check_multi_shot(settings, prompt, chosen["duration_s"], model)
    image, image_failed = _first_frame(parts, limits)
    ratio = chosen["aspect_ratio"] or (image_ratio(image) if image else None) or "16:9"
    return CreateRequest(
        prompt=prompt,
        resolution=chosen["resolution"],
        aspect_ratio=ratio,
        duration_s=chosen["duration_s"],
        audio=chosen["audio"],
        callback_url=_string(options, "callback_url"),
        external_id=_string(options, "external_task_id"),
        watermark=_watermark(options),
        image=image,
        image_failed=image_failed,
    )


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{name} must be an object")
    return value


def _string(options: dict[str, Any], name: str) -> str:
    value = options.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequestError(f"options.{name} value '{value}' is invalid")
    return value


def _watermark(options: dict[str, Any]) -> bool:
    info = options.get("watermark_info") or {}
    enabled = info.get("enabled", False) if isinstance(info, dict) else info
    if not isinstance(enabled, bool):
        raise InvalidRequestError(f"options.watermark_info.enabled value '{enabled}' is invalid")
    return enabled


def _text(value: Any, field: str, longest: int, *, least: int = 0) -> str:
    if value is None:
        raise InvalidRequestError(f"{field}: must not be blank")
    if not isinstance(value, str) or not least <= len(value) <= longest:
        raise InvalidRequestError(f"{field}: size must be between {least} and {longest}")
    return value


def _settings(settings: dict[str, Any], spec: ModeSpec, *, last_frame: bool) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "resolution": _one_of(settings, "resolution", spec.resolutions),
        "aspect_ratio": _one_of(settings, "aspect_ratio", spec.aspect_ratios)
        if spec.aspect_ratios
        else "",
        "duration_s": _one_of(settings, "duration", spec.durations_s),
        "audio": spec.audio[0],
    }
    if len(spec.audio) > 1:  # where there is no choice the vendor has no such field, and ignores it
        word = _one_of(settings, "audio", ["native" if audio else "off" for audio in spec.audio])
        chosen["audio"] = word == "native"
    facts = chosen | {"last_frame": last_frame}
    for rule in spec.constraints:
        if all(facts.get(name) == value for name, value in rule.when.items()):
            _check_constraint(facts, rule.then, rule.reason)
    return chosen


def _check_constraint(facts: dict[str, Any], then: dict[str, Any], reason: str) -> None:
    for name, allowed in then.items():
        if facts.get(name) not in allowed:
            field = name.removesuffix("_s")
            raise InvalidRequestError(
                f"settings.{field} value '{facts.get(name)}' is invalid: {reason}"
            )


def _one_of(settings: dict[str, Any], name: str, allowed: list[Any]) -> Any:
    value = settings.get(name)
    if value is None:
        return allowed[0]
    if isinstance(value, bool) or type(value) is not type(allowed[0]) or value not in allowed:
        raise InvalidRequestError(f"settings.{name} value '{value}' is invalid")
    return value


def _check_multi_shot(
    settings: dict[str, Any], prompt: str, duration_s: int, model: ModelSpec
) -> None:
    if model.id not in _MULTI_SHOT_MODELS:
        return
    value = settings.get("multi_shot", True)
    if not isinstance(value, bool):
        raise InvalidRequestError(f"settings.multi_shot value '{value}' is invalid")
    shots = [_SHOT.match(part.strip()) for part in prompt.split(";") if part.strip()]
    if not value or not shots or not all(shots):
        return
    lengths = [int(shot.group(2)) for shot in shots if shot]
    too_long = any(len(shot.group(3).strip()) > _SHOT_WORDS for shot in shots if shot)
    if len(shots) > _MAX_SHOTS or min(lengths) < 1 or sum(lengths) != duration_s or too_long:
        raise InvalidRequestError(
            f"prompt: at most {_MAX_SHOTS} shots of at least 1 s and"
            f" at most {_SHOT_WORDS} characters, which add up to settings.duration ({duration_s})"
        )


def _parse_contents(contents: Any, spec: ModeSpec, model: ModelSpec) -> dict[str, str]:
    """Return the text of the prompt and the addresses of the frames, by type."""
    if not isinstance(contents, list) or not contents:
        raise InvalidRequestError("contents: must not be empty")
    frames = {"image": "first_frame", "last_frame": "last_frame"}
    single = {"prompt"} | {frames[name] for name in spec.inputs}
    extra = _EXTRA_PARTS.get(model.id, {})
    found: dict[str, str] = {}
    counts = dict.fromkeys(extra, 0)
    for index, part in enumerate(contents):
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            raise InvalidRequestError(f"contents[{index}].type value '{kind}' is invalid")
        if kind in extra:
            counts[kind] += 1
        elif kind not in single:
            raise InvalidRequestError(f"contents[{index}].type value '{kind}' is invalid")
        elif kind in found:
            raise InvalidRequestError(f"contents[{index}].type '{kind}' must not be repeated")
        else:
            found[kind] = _part_value(part, kind, index, model)
    if over := next((kind for kind, count in counts.items() if count > extra[kind]), None):
        raise InvalidRequestError(f"contents: at most {extra[over]} of type '{over}'")
    if "first_frame" not in found:
        raise InvalidRequestError("contents: first_frame is required")
    return found


def _part_value(part: dict[str, Any], kind: str, index: int, model: ModelSpec) -> str:
    if kind == "prompt":
        return _text(part.get("text"), f"contents[{index}].text", model.prompt_max_chars)
    url = part.get("url")
    if not isinstance(url, str) or not url:
        raise InvalidRequestError(f"contents[{index}].url: must not be blank")
    return url


def _first_frame(parts: dict[str, str], limits: InputLimits) -> tuple[bytes, bool]:
    """Return the bytes of the first frame, if at hand, and whether its URL could not be read."""
    read: dict[str, tuple[bytes, bool]] = {}
    for name in ("last_frame", "first_frame"):
        if value := parts.get(name):
            plain = value.partition(",")[2] if value.startswith("data:") else value
            read[name] = read_image(plain, f"contents {name}.url", limits)
    return read.get("first_frame", (b"", False))
