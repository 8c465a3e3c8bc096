"""What Veo's operations and Google's errors say, read into our outcomes. Takes no client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from dailies.domain.errors import Rejection
from dailies.domain.outcomes import (
    Blocked,
    Failed,
    FailureCode,
    Handle,
    Output,
    PollOutcome,
    Succeeded,
)
from dailies.providers._http import MAX_REPLY_BYTES
from dailies.providers._long_strings import LongStringFilter
from dailies.providers._replies import (
    Integer,
    LooseModel,
    Objects,
    Text,
    as_int,
    as_list,
    as_object,
    as_text,
    parse_json,
    tidy,
)

_MEDIA_FREE_BYTES = 16 * 1024
"""A longer string in an operation is media: left out of what a poll keeps."""
_READ_AT_LEAST_BYTES = 64 * 1024
_SAFETY = {
    "child": (58061214, 17301594),
    "celebrity": (29310472, 15236754),
    "video safety": (64151117, 42237218),
    "dangerous": (62263041,),
    "hate": (57734940, 22137204),
    "other": (74803281, 29578790, 42876398),
    "prohibited": (89371032, 49114662, 63429089, 72817394, 60599140),
    "third-party content": (35561574, 35561575),
    "sexual": (90789179, 43188360),
    "toxic": (78610348,),
    "violence": (61493863, 56562880),
    "vulgar": (32635315,),
    "personal information": (92201652,),
    "people or face": (39322892,),
}
_SAFETY_OF_CODE = {str(code): name for name, codes in _SAFETY.items() for code in codes}
_SUPPORT_CODES = re.compile(r"support codes?:?\s*((?:\d{6,}[,;\s]*)+)", re.IGNORECASE)
_SAFETY_WORDS = re.compile(
    r"responsible ai|usage guidelines|safety (filter|setting)|blocked by|violat.{0,40}polic",
    re.IGNORECASE,
)
_BILLING = re.compile(r"billing", re.IGNORECASE)
_RETRY_INFO = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")
_CANCELLED, _INVALID_ARGUMENT = 1, 3  # google.rpc.Code


class GoogleProblem(LooseModel):
    """Google's error object, of an HTTP answer or of an operation."""

    code: Integer = None
    status: Text = ""
    message: Text = ""
    details: Objects = Field(default_factory=list[dict[str, Any]])

    @property
    def word(self) -> str:
        """Return the stable word for it."""
        return self.status or str(self.code or "")

    @property
    def support_codes(self) -> list[str]:
        """Return the numbers with which Veo says what its safety filter saw."""
        return _support_codes(self.message)

    @property
    def about_safety(self) -> bool:
        """Whether it is the safety filter that speaks."""
        return bool(self.support_codes or _SAFETY_WORDS.search(self.message))

    @property
    def retry_after_s(self) -> float | None:
        """Return the delay that a `google.rpc.RetryInfo` asks for."""
        for detail in self.details:
            match = _RETRY_INFO.fullmatch(as_text(detail.get("retryDelay")))
            if match:
                return float(match[1])
        return None


class OperationReader:
    """Keeps an operation's JSON without its media, and stops when the rest is only media."""

    def __init__(self) -> None:
        self.stopped = False
        """Whether it ended before the reply did."""

    def __call__(self, pieces: Iterator[bytes]) -> bytes:
        """Return the JSON text; where `stopped`, it breaks off inside the first video."""
        text, read, checked = bytearray(), 0, -1
        strings = LongStringFilter(_MEDIA_FREE_BYTES)
        for piece in pieces:
            text += strings.feed(piece)
            read += len(piece)
            if len(text) > MAX_REPLY_BYTES:
                break
            # Members come in the order of their field numbers: what the filter withheld before the
            # videos. So `done` and a video's beginning are enough, once a small reply would have
            # ended. Where `done` comes last, the video is read past and thrown away.
            if strings.skipping and read >= _READ_AT_LEAST_BYTES and len(text) != checked:
                checked = len(text)
                self.stopped = _has_video(bytes(text))
            if self.stopped:
                break
        return bytes(text)


def _has_video(text: bytes) -> bool:
    operation = as_object(parse_json(text, partial=True))
    return operation.get("done") is True and bool(_videos(as_object(operation.get("response"))))


def problem_of(envelope: Any) -> GoogleProblem:
    """Return the error of a reply; Google's front end wraps it in an array."""
    first = as_object(next(iter(as_list(envelope)), None)) or as_object(envelope)
    return GoogleProblem.model_validate(as_object(first.get("error")))


def refusal_of(status: int, problem: GoogleProblem) -> Rejection | None:
    """Return why a submit was refused, where the body tells more than the status does."""
    if status not in (400, 403):
        return None
    if problem.about_safety:
        return Rejection.MODERATION
    reasons = {as_text(detail.get("reason")) for detail in problem.details}
    if "BILLING_DISABLED" in reasons or _BILLING.search(problem.message):
        return Rejection.BALANCE
    return Rejection.FORBIDDEN if problem.status == "FAILED_PRECONDITION" else None


def outcome_of(operation: dict[str, Any], handle: Handle) -> PollOutcome:
    """Return how an operation that is `done` ended."""
    if operation.get("error"):
        return _outcome_error(problem_of(operation))
    response = as_object(operation.get("response"))
    blocked = _blocked(response)
    if blocked:
        return blocked
    outputs = [_output(index, video, handle) for index, video in _videos(response)]
    if outputs:
        return Succeeded(outputs=outputs)
    return Failed(code=FailureCode.RESULT_MISSING, message="The operation ended without a video.")


def _outcome_error(problem: GoogleProblem) -> PollOutcome:
    message = tidy(problem.message) or "The operation failed."
    if problem.about_safety:
        codes = problem.support_codes
        return Blocked(reasons=[message, *_classes(codes)], vendor_code=",".join(codes))
    codes_of = {
        _CANCELLED: FailureCode.CANCELED,
        _INVALID_ARGUMENT: FailureCode.INPUT_REJECTED,
    }
    code = codes_of.get(problem.code or 0, FailureCode.VENDOR_FAILED)
    return Failed(code=code, message=message, vendor_code=problem.word)


def _blocked(response: dict[str, Any]) -> Blocked | None:
    """Return what the safety filter withheld, all or some; None where it withheld nothing."""
    given = response.get("raiMediaFilteredReasons")
    texts = [as_text(given), *[as_text(reason) for reason in as_list(given)]]
    count = as_int(response.get("raiMediaFilteredCount")) or 0
    if count <= 0 and not any(texts):
        return None
    codes = [code for text in texts for code in _support_codes(text)]
    said = [tidy(text) for text in texts if text]
    reasons = said or [f"Google's safety filter withheld {count} of the videos."]
    return Blocked(reasons=[*reasons, *_classes(codes)], vendor_code=",".join(codes))


def _support_codes(text: str) -> list[str]:
    return [code for found in _SUPPORT_CODES.findall(text) for code in re.findall(r"\d+", found)]


def _classes(codes: list[str]) -> list[str]:
    """Return the published meaning of support codes, each once."""
    return list(dict.fromkeys(_SAFETY_OF_CODE.get(code, "other") for code in codes))


def _videos(response: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the usable videos with their position."""
    videos = [as_object(video) for video in as_list(response.get("videos"))]
    return [(i, video) for i, video in enumerate(videos) if _gcs_uri(video) or _inline(video)]


def _gcs_uri(video: dict[str, Any]) -> str:
    uri = as_text(video.get("gcsUri"))
    return uri if uri.startswith("gs://") else ""


def _inline(video: dict[str, Any]) -> bool:
    return bool(as_text(video.get("bytesBase64Encoded")))


def _output(index: int, video: dict[str, Any], handle: Handle) -> Output:
    content_type = as_text(video.get("mimeType")) or "video/mp4"
    if uri := _gcs_uri(video):
        return Output(content_type=content_type, data={"gcs_uri": uri})
    path = ["response", "videos", index, "bytesBase64Encoded"]
    return Output(content_type=content_type, data={**handle.data, "path": path})
