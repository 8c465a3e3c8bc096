"""Correction that lets S3 say on the event bus which version of an object an event is about."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable
from typing import Any

from local.emulator.corrections import Correction

_GAP = "S3's events on the event bus do not say which version of the object they are about"
_FIRED = (
    *("bucket_name", "key", "event_name", "size", "etag", "deletion_type", "restore_event_data"),
    *("version_id", "sequencer", "object_extra", "record_extra"),
)
_version_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("s3", default=None)


def storage_corrections() -> list[Correction]:
    """List the corrections of S3's events."""
    s3, eventbridge = "ministack.services.s3", "ministack.services.eventbridge"
    return [
        Correction(_GAP, s3, "_fire_s3_event", _FIRED, _remember_version),
        Correction(_GAP, eventbridge, "_dispatch_event", ("event", "view"), _tell_version),
    ]


def _remember_version(original: Callable[..., None]) -> Callable[..., None]:
    def fire(*positional: Any, version_id: str | None = None, **named: Any) -> None:
        token = _version_id.set(version_id)
        try:
            original(*positional, version_id=version_id, **named)
        finally:
            _version_id.reset(token)

    return fire


def _tell_version(original: Callable[..., Any]) -> Callable[..., Any]:
    def dispatch(event: dict[str, Any], view: Any = None) -> Any:
        version_id = _version_id.get()
        if version_id is not None and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version_id
            event = event | {"Detail": json.dumps(detail)}
        return original(event, view)

    return dispatch
