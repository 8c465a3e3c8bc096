"""A Kling task, the same from both generations of the API, and what its state means to us."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from dailies.domain.outcomes import (
    BilledAmount,
    Blocked,
    Failed,
    FailureCode,
    Output,
    Pending,
    PollOutcome,
    Succeeded,
)
from dailies.providers._replies import (
    Identifier,
    Integer,
    LooseModel,
    Text,
    as_identifier,
    as_text,
    tidy,
)

_SUCCEEDED = frozenset({"succeeded", "succeed"})
"""The older generation's word is the second one; the newer one shows its tasks as well."""
ENDED = _SUCCEEDED | {"failed"}
_MODERATION = re.compile(
    r"risk control|content (security|policy)|platform policy|sensitive|moderation|violat",
    re.IGNORECASE,
)
_BAD_INPUT = re.compile(
    r"invalid.{0,40}(resolution|ratio|image|format|size)"
    r"|(resolution|ratio|image|format|size).{0,40}(invalid|unsupported|not supported)",
    re.IGNORECASE,
)

_MAX_DIGITS = 9
"""Of an amount, before and after the point: more is junk, and sums of it may overflow."""


class KlingTask(LooseModel):
    """What a reply or a callback tells of a task."""

    id: Identifier = ""
    status: Text = ""
    message: Text = ""
    external_id: Identifier = ""
    videos: tuple[dict[str, Any], ...] = ()
    billed: BilledAmount | None = None
    changed_ms: Integer = None
    """When its state last changed, by Kling's clock: milliseconds since 1970."""

    @property
    def ended(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status in ENDED

    def outcome(self, *secrets: str) -> PollOutcome:
        """Return what its state means; `secrets` are kept out of the vendor's words."""
        if self.status in ("submitted", "processing"):
            return Pending(started=self.status == "processing")
        if not self.ended:
            return Pending(unknown_status=tidy(self.status) or "(none)")
        succeeded = self.status in _SUCCEEDED
        if succeeded and (outputs := _outputs(self.videos)):
            at = _moment(self.changed_ms)
            return Succeeded(outputs=outputs, billed=self.billed, finished_at=at)
        message = tidy(self.message, *secrets)
        if _MODERATION.search(message):
            return Blocked(reasons=[message], billed=self.billed)
        code = FailureCode.RESULT_MISSING if succeeded else FailureCode.VENDOR_FAILED
        if _BAD_INPUT.search(message):
            code = FailureCode.INPUT_REJECTED
        text = message or f"The task {self.status} without a video."
        return Failed(code=code, message=text, billed=self.billed)


def _moment(since_1970_ms: int | None) -> dt.datetime | None:
    if since_1970_ms is None:
        return None
    try:
        return dt.datetime.fromtimestamp(since_1970_ms / 1000, dt.UTC)
    except (OverflowError, ValueError, OSError):  # a year that no date has
        return None


def _outputs(videos: tuple[dict[str, Any], ...]) -> list[Output]:
    return [
        Output(content_type="video/mp4", data=_output_data(video))
        for video in videos
        if as_text(video.get("url")).lower().startswith(("https://", "http://"))
    ]


def _output_data(video: dict[str, Any]) -> dict[str, str]:
    """Return the address, and the video's own id at the vendor: by it the video is extended."""
    video_id = as_identifier(video.get("id"))
    return {"url": str(video["url"])} | ({"video_id": video_id} if video_id else {})


def amount(value: Any) -> Decimal | None:
    """Return an amount of money or units, or None for anything else."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    if not found.is_finite():
        return None
    return found if found == 0 or (found > 0 and abs(found.adjusted()) <= _MAX_DIGITS) else None
