"""Kling's path-per-model generation (June 2026): the model is the last part of the path.

`multi_shot` is on unless it is refused. Unknown members of a body are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from dailies.domain.catalogue import Mode, ModelSpec
from dailies.domain.outcomes import BilledAmount, Handle
from dailies.domain.ports import AttemptRef, GenerationRequest
from dailies.providers._kling_generation import Order, Question, image_value
from dailies.providers._kling_tasks import KlingTask, amount
from dailies.providers._replies import as_object, as_objects, as_text

_PATHS = {Mode.TEXT_TO_VIDEO: "text-to-video", Mode.IMAGE_TO_VIDEO: "image-to-video"}


class PathPerModel:
    """The codec of the newer generation."""

    name = "path-per-model"
    versions = frozenset({1})
    takes_tokens = False

    def order(
        self, request: GenerationRequest, attempt: AttemptRef, wire: Mapping[str, Any]
    ) -> Order:
        """Return the create request."""
        path = f"/{_PATHS[Mode(request.kind)]}/{quote(request.model, safe='')}"
        settings: dict[str, Any] = {
            **wire.get("settings", {}),
            "resolution": request.resolution,
            "duration": request.duration_s,
        }
        if wire.get("audio_field"):
            settings["audio"] = "native" if request.audio else "off"
        options: dict[str, Any] = {
            "external_task_id": attempt.attempt_id,
            "watermark_info": {"enabled": False},
        }
        if attempt.callback_url:
            options["callback_url"] = attempt.callback_url
        if request.kind == Mode.TEXT_TO_VIDEO:
            settings["aspect_ratio"] = request.aspect_ratio
            what: dict[str, Any] = {"prompt": request.prompt}
        else:
            what = {"contents": _contents(request)}
        return Order(path, {**what, "settings": settings, "options": options})

    def handle(self, task_id: str, product: str) -> Handle:
        """Return what finds the task again."""
        return Handle(vendor="kling", data={"generation": self.name, "task_id": task_id})

    def by_id(self, handle: Handle) -> Question:
        """Return the query for a handle's task."""
        return Question("/tasks", {"task_ids": str(handle.data["task_id"])})

    def by_external_id(self, external_id: str, model: ModelSpec | None) -> list[Question]:
        """Return the one query for a task under our own id."""
        return [Question("/tasks", {"external_task_ids": external_id})]

    def task(self, row: Mapping[str, Any], unit_usd: Decimal | None) -> KlingTask:
        """Return the task of a row of `/tasks`, of a created one, or of a callback."""
        videos = [output for output in _output_rows(row.get("outputs")) if _is_video(output)]
        billed = _billed(as_objects(row.get("billing")), unit_usd)
        known = {name: row.get(name) for name in ("id", "status", "message", "external_id")}
        return KlingTask.model_validate(
            {
                **known,
                "videos": tuple(videos),
                "billed": billed,
                "changed_ms": row.get("update_time"),
            }
        )


def _contents(request: GenerationRequest) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = []
    if request.prompt:
        parts.append({"type": "prompt", "text": request.prompt})
    if request.image:
        parts.append({"type": "first_frame", "url": image_value(request.image)})
    if request.last_frame:
        parts.append({"type": "last_frame", "url": image_value(request.last_frame)})
    return parts


def _output_rows(value: Any) -> list[dict[str, Any]]:
    """Return the outputs, also where the only one stands without its list."""
    return [as_object(value)] if isinstance(value, dict) else as_objects(value)


def _is_video(output: Mapping[str, Any]) -> bool:
    """Tell whether an output may be the video: one that does not say what it is may be."""
    return as_text(output.get("type")).lower() in ("", "video")


def _billed(rows: list[dict[str, Any]], unit_usd: Decimal | None) -> BilledAmount | None:
    """Return what the rows add up to: in their unit where they share one, else in dollars."""
    lines = [line for line in map(_billing_line, rows) if line]
    rates = {"usd": Decimal(1), "kling_unit": unit_usd}
    in_usd = [rate * total for unit, total in lines if (rate := rates.get(unit)) is not None]
    usd = sum(in_usd, Decimal(0)) if len(in_usd) == len(lines) else None
    units = {unit for unit, _ in lines}
    if len(units) == 1:
        total = sum((each for _, each in lines), Decimal(0))
        return BilledAmount(amount=total, unit=units.pop(), amount_usd=usd)
    return (
        BilledAmount(amount=usd, unit="usd", amount_usd=usd) if lines and usd is not None else None
    )


def _billing_line(row: dict[str, Any]) -> tuple[str, Decimal] | None:
    each = amount(row.get("amount"))
    if each is None:
        return None
    if row.get("charge_type") == "unit":
        return "kling_unit", each
    currency = as_text(row.get("currency")).lower()
    return (currency, each) if row.get("charge_type") == "cash" and currency else None
