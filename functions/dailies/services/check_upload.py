"""Check an upload: is it, by its bytes, what its name says, and not too large?

Only a few bytes are looked at; decoding strangers' files is the vendor's business, and Probe's.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Final, cast

from dailies.domain.arrivals import DropFolder, FoundObject, UnreadableError
from dailies.domain.inbox import Role, UploadRefusedError
from dailies.domain.media_types import SNIFF_BYTES, sniff
from dailies.services.create_upload import MAX_IMAGE_BYTES, MAX_VIDEO_BYTES

MAX_TEXT_BYTES: Final = 64 * 1024
"""More than the longest prompt in any script."""
MAX_JSON_BYTES: Final = 256 * 1024
_LIMITS: Final = {
    "image/png": MAX_IMAGE_BYTES,
    "image/jpeg": MAX_IMAGE_BYTES,
    "video/mp4": MAX_VIDEO_BYTES,
}
_IMAGES: Final = frozenset({"image/png", "image/jpeg"})
_LINE_CONTROLS: Final = frozenset("\n\r\t")


def check_media(found: FoundObject, role: Role, folder: DropFolder) -> str:
    """Return the content type of a picture or a video, told by its first bytes.

    Raises:
        UploadRefusedError: `empty`, `too_large`, `unsupported_type` or `wrong_type`.
    """
    _check_size(found, max(_LIMITS.values()))
    content_type = sniff(_read(found, SNIFF_BYTES, folder))
    if content_type not in _LIMITS:
        raise UploadRefusedError(
            "unsupported_type",
            "The file is none that a job can take, whatever its name says.",
            hint="Pictures are PNG or JPEG, videos MP4, prompts .txt or .md, job bodies .json.",
            quarantine=True,
        )
    if role is Role.IMAGE and content_type not in _IMAGES:
        raise UploadRefusedError(
            "wrong_type",
            f"The name is a picture's, the content is {content_type}.",
            hint="Give the file the ending of what it is.",
            quarantine=True,
        )
    _check_size(found, _LIMITS[content_type])
    return content_type


def read_prompt(found: FoundObject, folder: DropFolder) -> str:
    """Return the text of a prompt.

    Raises:
        UploadRefusedError: `empty`, `too_large` or `not_text`.
    """
    text = _read_text(found, MAX_TEXT_BYTES, folder).strip()
    if is_blank(text):
        raise UploadRefusedError("empty", "The prompt is empty.", hint="Write it into the file.")
    return text


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: spaces, and characters without a width."""
    return all(unicodedata.category(character)[0] in "CZ" for character in text)


def read_object(found: FoundObject, folder: DropFolder) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        UploadRefusedError: `empty`, `too_large`, `not_text` or `not_json`.
    """
    text = _read_text(found, MAX_JSON_BYTES, folder)
    try:
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        where = f" {exc}." if isinstance(exc, json.JSONDecodeError | _AmbiguousError) else ""
        raise UploadRefusedError(
            "not_json", f"The file is not JSON.{where}", hint="Check it with any JSON editor."
        ) from exc
    if not isinstance(value, dict):
        raise UploadRefusedError(
            "not_json", "The file holds no JSON object.", hint='It begins with "{".'
        )
    return cast("dict[str, Any]", value)


class _AmbiguousError(ValueError):
    """JSON that readers take in different ways. What it says may cost money: nobody guesses."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _AmbiguousError("A member is there twice")
    return members


def _no_number(word: str) -> Any:
    raise _AmbiguousError(f"{word} is no number")


def _read_text(found: FoundObject, limit: int, folder: DropFolder) -> str:
    _check_size(found, limit)
    data = _read(found, limit, folder)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise _not_text() from exc
    if any((c < " " and c not in _LINE_CONTROLS) or c == "\x7f" for c in text):
        raise _not_text()
    return text


def _not_text() -> UploadRefusedError:
    return UploadRefusedError(
        "not_text",
        "The file is not text in UTF-8, whatever its name says.",
        hint="Save it as plain text in UTF-8.",
        quarantine=True,
    )


def _check_size(found: FoundObject, limit: int) -> None:
    if found.size_bytes == 0:
        raise UploadRefusedError("empty", "The file is empty.", hint="Upload it again.")
    if found.size_bytes > limit:
        raise UploadRefusedError(
            "too_large",
            f"The file has {found.size_bytes:,} bytes; at most {limit:,} are taken.",
            hint="Make it smaller and upload it again.",
            quarantine=True,
        )


def _read(found: FoundObject, limit: int, folder: DropFolder) -> bytes:
    try:
        return folder.read(found, limit=limit)
    except UnreadableError as exc:
        raise unreadable() from exc


def find_object(key: str, folder: DropFolder) -> FoundObject | None:
    """Return the newest version of an object, or None.

    Raises:
        UploadRefusedError: `unreadable`.
    """
    try:
        return folder.head(key)
    except UnreadableError as exc:
        raise unreadable() from exc


def unreadable() -> UploadRefusedError:
    """Return the refusal of an object that is there and cannot be read."""
    return UploadRefusedError(
        "unreadable",
        "The file cannot be read.",
        hint="Store it in the class STANDARD, without a customer-provided key (SSE-C).",
    )
