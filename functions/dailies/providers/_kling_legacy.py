"""Kling's older generation (`/v1`): one path per product, the model named in the body.

- Durations are strings, resolutions are modes, and images carry no `data:` prefix.
- A task is asked for at its product's path, by its id or by ours. Where there is none the answer is
  400 with the code 1201.
- An extension names the video (not the task) that it goes on from, and neither model, nor mode, nor
  duration: those are the video's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from dailies.domain.catalogue import Mode, ModelSpec
from dailies.domain.outcomes import BilledAmount, Handle
from dailies.domain.ports import AttemptRef, GenerationRequest
from dailies.providers._kling_generation import (
    Order,
    Question,
    UnusableVideoError,
    image_value,
)
from dailies.providers._kling_tasks import KlingTask, amount
from dailies.providers._replies import as_identifier, as_object, as_objects

_PRODUCTS = {
    Mode.TEXT_TO_VIDEO: "text2video",
    Mode.IMAGE_TO_VIDEO: "image2video",
    Mode.VIDEO_EXTEND: "video-extend",
}
_TIERS = {"720p": "std", "1080p": "pro", "4k": "4k"}


class Legacy:
    """The codec of the older generation."""

    name = "legacy"
    versions = frozenset({1})
    takes_tokens = True

    def order(
        self, request: GenerationRequest, attempt: AttemptRef, wire: Mapping[str, Any]
    ) -> Order:
        """Return the create request."""
        product = _PRODUCTS[Mode(request.kind)]
        extends = request.kind == Mode.VIDEO_EXTEND
        body = _source(request) if extends else _made_anew(request, wire)
        body |= {
            "external_task_id": attempt.attempt_id,
            "watermark_info": {"enabled": False},
        }
        if request.prompt:
            body["prompt"] = request.prompt
        if request.negative_prompt:
            body["negative_prompt"] = request.negative_prompt
        if attempt.callback_url:
            body["callback_url"] = attempt.callback_url
        return Order(f"/v1/videos/{product}", body, product)

    def handle(self, task_id: str, product: str) -> Handle:
        """Return what finds the task again."""
        data = {"generation": self.name, "product": product, "task_id": task_id}
        return Handle(vendor="kling", data=data)

    def by_id(self, handle: Handle) -> Question:
        """Return the query for a handle's task."""
        return _question(str(handle.data["product"]), str(handle.data["task_id"]))

    def by_external_id(self, external_id: str, model: ModelSpec | None) -> list[Question]:
        """Return a query for each product that the model may have been asked for."""
        modes = model.modes if model else _PRODUCTS
        return [_question(_PRODUCTS[mode], external_id) for mode in modes]

    def task(self, row: Mapping[str, Any], unit_usd: Decimal | None) -> KlingTask:
        """Return the task of a query, of a created one, or of a callback."""
        return KlingTask.model_validate(
            {
                "id": row.get("task_id"),
                "status": row.get("task_status"),
                "message": row.get("task_status_msg"),
                "external_id": as_object(row.get("task_info")).get("external_task_id"),
                "videos": tuple(as_objects(as_object(row.get("task_result")).get("videos"))),
                "billed": _billed(row.get("final_unit_deduction"), unit_usd),
                "changed_ms": row.get("updated_at"),
            }
        )


def _question(product: str, any_id: str) -> Question:
    return Question(f"/v1/videos/{product}/{quote(any_id, safe='')}", product=product)


def _made_anew(request: GenerationRequest, wire: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        **wire.get("settings", {}),
        "model_name": request.model,
        "mode": _TIERS[request.resolution],
        "duration": str(request.duration_s),
    }
    if wire.get("audio_field"):
        body["sound"] = "on" if request.audio else "off"
    if request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    if request.image:
        body["image"] = image_value(request.image)
    if request.last_frame:
        body["image_tail"] = image_value(request.last_frame)
    return body


def _source(request: GenerationRequest) -> dict[str, Any]:
    """Return the name of the video at the vendor: only a task of this generation gave it one."""
    origin = request.video.origin if request.video else None
    if origin and origin.handle and origin.handle.data.get("generation") == Legacy.name:
        video_id = as_identifier(origin.output.data.get("video_id"))
        if origin.vendor == "kling" and video_id:
            return {"video_id": video_id}
    raise UnusableVideoError


def _billed(units: Any, unit_usd: Decimal | None) -> BilledAmount | None:
    """Return what was taken from a pack; an account that pays in cash has nothing here."""
    total = amount(units)
    if not total:
        return None
    usd = None if unit_usd is None else total * unit_usd
    return BilledAmount(amount=total, unit="kling_unit", amount_usd=usd)
