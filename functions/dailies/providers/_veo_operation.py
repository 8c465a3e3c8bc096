"""What Veo's operations say, read into our outcomes. Takes no client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dailies.domain.outcomes import (
    Blocked,
    Failed,
    FailureCode,
    Handle,
    Output,
    PollOutcome,
    Succeeded,
)
from dailies.providers._google_problems import (
    GoogleProblem,
    classes_of,
    problem_of,
    support_codes,
)
from dailies.providers._http import MAX_REPLY_BYTES
from dailies.providers._long_strings import LongStringFilter
from dailies.providers._replies import as_int, as_list, as_object, as_text, parse_json, tidy

_MEDIA_FREE_BYTES = 16 * 1024
"""A longer string in an operation is media: left out of what a poll keeps."""
_READ_AT_LEAST_BYTES = 64 * 1024
_CANCELLED, _INVALID_ARGUMENT = 1, 3  # google.rpc.Code


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


def outcome_of(operation: dict[str, Any], handle: Handle) -> PollOutcome:
    """Return how an operation that is `done` ended."""
    if operation.get("error"):
        return _outcome_error(problem_of(operation))
    response = as_object(operation.get("response"))
    blocked = _blocked(response)
    if blocked:
        return blocked
    outputs = [_output(index, video, handle) for index, video in _videos(response)]
    outputs = outputs or _samples(response)
    if outputs:
        return Succeeded(outputs=outputs)
    return Failed(code=FailureCode.RESULT_MISSING, message="The operation ended without a video.")


def _outcome_error(problem: GoogleProblem) -> PollOutcome:
    message = tidy(problem.message) or "The operation failed."
    if problem.about_safety:
        codes = problem.support_codes
        return Blocked(reasons=[message, *classes_of(codes)], vendor_code=",".join(codes))
    codes_of = {
        _CANCELLED: FailureCode.CANCELED,
        _INVALID_ARGUMENT: FailureCode.INPUT_REJECTED,
    }
    code = codes_of.get(problem.number, FailureCode.VENDOR_FAILED)
    return Failed(code=code, message=message, vendor_code=problem.word)


def _blocked(response: dict[str, Any]) -> Blocked | None:
    """Return what the safety filter withheld, all or some; None where it withheld nothing."""
    given = response.get("raiMediaFilteredReasons")
    texts = [as_text(given), *[as_text(reason) for reason in as_list(given)]]
    count = as_int(response.get("raiMediaFilteredCount")) or 0
    if count <= 0 and not any(texts):
        return None
    codes = [code for text in texts for code in support_codes(text)]
    said = [tidy(text) for text in texts if text]
    reasons = said or [f"Google's safety filter withheld {count} of the videos."]
    return Blocked(reasons=[*reasons, *classes_of(codes)], vendor_code=",".join(codes))


def _videos(response: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the usable videos with their position."""
    videos = [as_object(video) for video in as_list(response.get("videos"))]
    return [(i, video) for i, video in enumerate(videos) if _gcs_uri(video) or _inline(video)]


def _gcs_uri(video: dict[str, Any]) -> str:
    uri = as_text(video.get("gcsUri"))
    return uri if names_object(uri) else ""


def names_object(uri: str) -> bool:
    """Tell whether an address is that of an object in a bucket; a bucket or a folder is none."""
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bool(uri.startswith("gs://") and bucket and name) and not name.endswith("/")


def _samples(response: dict[str, Any]) -> list[Output]:
    """Return the videos of the deprecated member: their objects' bare addresses."""
    uris = [as_text(sample) for sample in as_list(response.get("generatedSamples"))]
    return [
        Output(content_type="video/mp4", data={"gcs_uri": uri}) for uri in uris if names_object(uri)
    ]


def _inline(video: dict[str, Any]) -> bool:
    return bool(as_text(video.get("bytesBase64Encoded")))


def _output(index: int, video: dict[str, Any], handle: Handle) -> Output:
    content_type = as_text(video.get("mimeType")) or "video/mp4"
    if uri := _gcs_uri(video):
        return Output(content_type=content_type, data={"gcs_uri": uri})
    path = ["response", "videos", index, "bytesBase64Encoded"]
    return Output(content_type=content_type, data={**handle.data, "path": path})
