"""The drop folder's names: what an object's key says, and where its results and problems go.

::

    inbox/<tenant>/<path>                        what people drop
    outbox/<tenant>/<path>.<job>.mp4             a result; .2.mp4, .3.mp4 … where there are more
    outbox/<tenant>/<path>.<job>.job.json        the job: when it starts, and again when it ends
    outbox/<tenant>/<path>.<job>.problem.json    why the job did not succeed
    outbox/<tenant>/<path>.problem.json          why no job was started
    quarantine/<tenant>/<digest>/<name>          a copy of what was refused for what it is

Keys come from strangers. They are compared as they are, never decoded or normalised.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dailies.domain.access import TENANT
from dailies.domain.errors import FieldProblem, InvalidRequestError

INBOX: Final = "inbox/"
OUTBOX: Final = "outbox/"
QUARANTINE: Final = "quarantine/"
DEFAULTS_NAME: Final = "_defaults.json"

_MAX_KEY_BYTES: Final = 1024
_MAX_PATH_BYTES: Final = 900
"""Leaves room for what is put after it in the outbox."""
_MAX_DEPTH: Final = 16
_IMAGES: Final = (
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif"),
)
"""How the names of pictures end: those that no vendor takes as well, so that what stands beside
one of them is its sidecar and never a job."""
_TEXTS: Final = (".txt", ".md")
_VIDEOS: Final = (".mp4",)
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
"""Characters that make a name look like another one."""


class Role(StrEnum):
    """What an object is for, as its name says."""

    IMAGE = "image"
    """Starts a job that moves it."""
    TEXT = "text"
    """Starts a job: it is the prompt."""
    BODY = "body"
    """Starts a job: it is the job's body."""
    SIDECAR = "sidecar"
    """The job body of the picture whose name it carries."""
    DEFAULTS = "defaults"
    """What the jobs of a folder have in common."""
    INPUT = "input"
    """Starts nothing; a job body may point at it: a video, or what has a `_` before a name."""
    FOLDER = "folder"
    """A place-holder that consoles make."""
    OTHER = "other"


class UploadRefusedError(InvalidRequestError):
    """No job is started for an object; `code` is a stable word for why."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        problems: tuple[FieldProblem, ...] = (),
        quarantine: bool = False,
    ) -> None:
        super().__init__(message, problems, hint=hint)
        self.reason = code
        self.quarantine = quarantine
        """Whether the object itself is not what we take: too large, or not what its name says."""


@dataclass(frozen=True)
class Place:
    """Where an object lies in the inbox."""

    key: str
    tenant: str
    path: str
    """The key without `inbox/<tenant>/`."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folders(self) -> tuple[str, ...]:
        """The keys of the folders above it, from the tenant's own down, each ending in `/`."""
        parts = self.path.split("/")[:-1]
        root = f"{INBOX}{self.tenant}/"
        return tuple(root + "".join(f"{p}/" for p in parts[:n]) for n in range(len(parts) + 1))

    @property
    def role(self) -> Role:
        """What the object is for."""
        name = self.name.lower()
        if not name:
            return Role.FOLDER
        if self.name == DEFAULTS_NAME:
            return Role.DEFAULTS
        if name.endswith(".json") and name.removesuffix(".json").endswith(_IMAGES):
            return Role.SIDECAR
        if name.endswith(_VIDEOS) or any(part.startswith("_") for part in self.path.split("/")):
            return Role.INPUT
        for role, endings in _STARTERS.items():
            if name.endswith(endings):
                return role
        return Role.OTHER

    @property
    def picture_key(self) -> str:
        """Of a sidecar: the key of the picture that it belongs to."""
        return self.key[: -len(".json")]


_STARTERS: Final = {Role.IMAGE: _IMAGES, Role.TEXT: _TEXTS, Role.BODY: (".json",)}


def place_of(key: str) -> Place | None:
    """Return where a key lies in the inbox, or None where it names no tenant there."""
    if not key.startswith(INBOX):
        return None
    tenant, slash, path = key.removeprefix(INBOX).partition("/")
    if not slash or not path or not TENANT.fullmatch(tenant):
        return None
    return Place(key, tenant, path)


def check_name(place: Place) -> None:
    """Accept a path that can stand in other keys, in logs and on a screen as it is.

    Raises:
        UploadRefusedError: `unsafe_name`.
    """
    parts = place.path.removesuffix("/").split("/")
    odd = {unicodedata.category(c) for c in place.path} & {"Cc", "Cs", "Zl", "Zp"}
    if not (odd or _BIDI & set(place.path) or {"", ".", ".."} & set(parts) or "\\" in place.path):
        if len(place.path.encode()) <= _MAX_PATH_BYTES and len(parts) <= _MAX_DEPTH:
            return
    raise UploadRefusedError(
        "unsafe_name",
        "The object's name cannot be used.",
        hint=f"Use at most {_MAX_PATH_BYTES} bytes and {_MAX_DEPTH} levels, no empty, '.' or '..' "
        "part, no backslash and no control characters.",
    )


def arrival_digest(key: str, version_id: str) -> str:
    """Return what names one version of one object, everywhere and for ever."""
    return hashlib.sha256(f"{key}\0{version_id}".encode("utf-8", "surrogatepass")).hexdigest()


def outbox_key(place: Place, ending: str, *, job_id: str | None = None) -> str:
    """Return where a file about an object goes; `ending` is `mp4`, `job.json` or `problem.json`."""
    safe = _fits(place)
    path = (
        place.path.removesuffix("/") if safe else f"_refused/{arrival_digest(place.key, '')[:32]}"
    )
    return f"{OUTBOX}{place.tenant}/{path}.{f'{job_id}.' if job_id else ''}{ending}"


def quarantine_key(place: Place, version_id: str) -> str:
    """Return where the copy of a refused object goes."""
    digest = arrival_digest(place.key, version_id)[:32]
    key = f"{QUARANTINE}{place.tenant}/{digest}/{place.name}"
    return key if len(key.encode()) <= _MAX_KEY_BYTES else f"{QUARANTINE}{place.tenant}/{digest}"


def _fits(place: Place) -> bool:
    try:
        check_name(place)
    except UploadRefusedError:
        return False
    return True
