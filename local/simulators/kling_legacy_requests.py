"""The older generation's rules for a create request, refused in the vendor's words."""

from __future__ import annotations

from typing import Any

from dailies.domain.catalogue import Input, InputLimits, Mode, ModelSpec, ModeSpec
from local.simulators.clips import image_ratio
from local.simulators.kling_images import InvalidRequestError, read_image
from local.simulators.kling_requests import CreateRequest
from local.simulators.state import Task

DEFAULT_MODEL = "kling-v1"
_TIERS = {"std": "720p", "pro": "1080p", "4k": "4k"}
_WORDS = 2500


def parse_legacy(
    body: dict[str, Any], mode: Mode, model: ModelSpec, limits: InputLimits
) -> CreateRequest:
    """Return the request, or raise InvalidRequestError; unknown keys are ignored, as live."""
    spec = model.modes[mode]
    prompt = _text(body, "prompt", required=mode is Mode.TEXT_TO_VIDEO)
    _text(body, "negative_prompt")
    _check_cfg_scale(body)
    resolution, duration_s, audio = _chosen(body, spec)
    image, image_failed, ratio = b"", False, ""
    if mode is Mode.IMAGE_TO_VIDEO:
        image, image_failed = _images(body, limits)
        ratio = image_ratio(image) or "" if image else ""
    else:
        ratio = _word(body, "aspect_ratio", spec.aspect_ratios)
    return CreateRequest(
        prompt=prompt,
        resolution=resolution,
        aspect_ratio=ratio or "16:9",
        duration_s=duration_s,
        audio=audio,
        image=image,
        image_failed=image_failed,
        **_common(body),
    )


def parse_extension(body: dict[str, Any], parent: Task, spec: ModeSpec) -> CreateRequest:
    """Return the request to go on from a task's video, or raise InvalidRequestError."""
    prompt = _text(body, "prompt")
    _text(body, "negative_prompt")
    _check_cfg_scale(body)
    added_s, most = spec.durations_s[0], spec.video.max_total_s
    if most is not None and parent.video_s + added_s > most:
        raise InvalidRequestError("video_id: the video must not be longer than 3 minutes")
    return CreateRequest(
        prompt=prompt,
        resolution=parent.resolution,
        aspect_ratio=parent.aspect_ratio,
        duration_s=added_s,
        audio=False,
        image=parent.image,
        image_failed=False,
        parent=parent,
        **_common(body),
    )


def text_member(body: dict[str, Any], name: str) -> str:
    """Return a text that may be left out."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequestError(f"{name} value '{value}' is invalid")
    return value


def _common(body: dict[str, Any]) -> dict[str, Any]:
    info = body.get("watermark_info") or {}
    enabled = info.get("enabled", False) if isinstance(info, dict) else info
    if not isinstance(enabled, bool):
        raise InvalidRequestError(f"watermark_info.enabled value '{enabled}' is invalid")
    return {
        "callback_url": text_member(body, "callback_url"),
        "external_id": text_member(body, "external_task_id"),
        "watermark": enabled,
    }


def _text(body: dict[str, Any], name: str, *, required: bool = False) -> str:
    value = text_member(body, name)
    if required and not value:
        raise InvalidRequestError(f"{name}: must not be blank")
    if len(value) > _WORDS:
        raise InvalidRequestError(f"{name}: size must be between 0 and {_WORDS}")
    return value


def _check_cfg_scale(body: dict[str, Any]) -> None:
    value = body.get("cfg_scale")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and 0 <= value <= 1):
        raise InvalidRequestError(f"cfg_scale value '{value}' is invalid")


def _chosen(body: dict[str, Any], spec: ModeSpec) -> tuple[str, int, bool]:
    """Return resolution, duration and sound, each allowed by itself and with the others."""
    tiers = {tier: resolution for tier, resolution in _TIERS.items()}
    tier = _word(body, "mode", [t for t, r in tiers.items() if r in spec.resolutions])
    durations = [str(seconds) for seconds in spec.durations_s]
    duration = _word(body, "duration", durations)
    sounds = ["on" if audio else "off" for audio in spec.audio]
    sound = _word(body, "sound", sounds)
    facts: dict[str, Any] = {
        "resolution": tiers[tier],
        "duration_s": int(duration),
        "audio": sound == "on",
        "aspect_ratio": body.get("aspect_ratio"),
        str(Input.LAST_FRAME): bool(body.get("image_tail")),
    }
    for rule in spec.constraints:
        if all(facts.get(name) == value for name, value in rule.when.items()):
            broken = next((n for n, ok in rule.then.items() if facts.get(n) not in ok), None)
            if broken:
                raise InvalidRequestError(f"mode value '{tier}' is invalid: {rule.reason}")
    return tiers[tier], int(duration), sound == "on"


def _word(body: dict[str, Any], name: str, allowed: list[str]) -> str:
    value = body.get(name)
    if value is None:
        return allowed[0] if allowed else ""
    if not isinstance(value, str) or (allowed and value not in allowed):
        raise InvalidRequestError(f"{name} value '{value}' is invalid")
    return value


def _images(body: dict[str, Any], limits: InputLimits) -> tuple[bytes, bool]:
    """Return the first frame's bytes, if at hand, and whether its URL could not be read."""
    found = {name: text_member(body, name) for name in ("image", "image_tail")}
    if not any(found.values()):
        raise InvalidRequestError("image: at least one of image and image_tail is required")
    read: dict[str, tuple[bytes, bool]] = {}
    for name, value in found.items():
        if value.startswith("data:"):
            raise InvalidRequestError(f"{name}: Base64 must not have a prefix such as data:image")
        read[name] = read_image(value, name, limits) if value else (b"", False)
    return read["image"]
