"""Compose a request: an object, its sidecar and its folders' defaults become one job body."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any, Final

from dailies.domain.arrivals import SIDECAR_WAIT, Cap, DropFolder, FoundObject, InputObject
from dailies.domain.catalogue import Input, Mode
from dailies.domain.enhance_rules import FOR_ENHANCE
from dailies.domain.errors import FieldProblem
from dailies.domain.inbox import DEFAULTS_NAME, Place, Role, UploadRefusedError
from dailies.services.check_upload import (
    check_media,
    find_object,
    is_blank,
    read_object,
    read_prompt,
)
from dailies.services.read_defaults import read_defaults
from dailies.services.resolve_inputs import InputResolver

NO_PROMPT: Final = "no_prompt"
_MISSING_LOOK_S: Final = 5
"""Shorter than a picture's wait, so that a job body that points at a picture comes before it."""


@dataclass(frozen=True)
class Composed:
    """A job body, complete, with the objects that its inputs were made from."""

    body: dict[str, Any]
    inputs: tuple[InputObject, ...]
    caps: tuple[Cap, ...]


@dataclass(frozen=True)
class Hold:
    """What an object lacks: looked for after `again_s`, or by the sweeper where that is None."""

    problem: UploadRefusedError
    again_s: int | None = None


def compose_request(
    place: Place, found: FoundObject, folder: DropFolder, *, waited: dt.timedelta
) -> Composed | Hold:
    """Return the job body of an object that starts jobs, or what it lacks.

    Raises:
        UploadRefusedError: it can never become a job.
    """
    defaults, caps = read_defaults(place, folder)
    if place.role is Role.TEXT:
        own: dict[str, Any] | None = {"prompt": read_prompt(found, folder)}
        kind: Mode | None = Mode.TEXT_TO_VIDEO
    elif place.role is Role.IMAGE:
        check_media(found, Role.IMAGE, folder)
        own, kind = _sidecar(place, folder), Mode.IMAGE_TO_VIDEO
        if own is None and waited < SIDECAR_WAIT:
            return _hold_briefly(_no_prompt(place), waited)
        _refuse_own(own or {}, ("kind", Input.IMAGE), place)
        own = {**(own or {}), Input.IMAGE.value: {"key": found.key}}
        if is_blank(str(own.get("prompt", defaults.get("prompt", "")))):
            return Hold(_no_prompt(place))
    else:
        own, kind = read_object(found, folder), None
    body = {**defaults, **own}
    if kind is not None:
        body["kind"] = kind.value
    if body.get("kind") == Mode.ENHANCE:
        body = {name: value for name, value in body.items() if name in own or name in FOR_ENHANCE}
    elif not body.get("model"):
        if waited < SIDECAR_WAIT:  # the defaults may have been dropped together with it
            return _hold_briefly(_no_model(place), waited)
        raise _no_model(place)
    inputs = InputResolver(place, folder, this=found)
    body = inputs.resolve(body)
    if inputs.missing is not None:
        return Hold(_object_missing(inputs.missing), again_s=_MISSING_LOOK_S)
    return Composed(body, tuple(inputs.found.values()), caps)


def _hold_briefly(problem: UploadRefusedError, waited: dt.timedelta) -> Hold:
    left = SIDECAR_WAIT - waited
    return Hold(problem, again_s=math.ceil(left.total_seconds()))


def _sidecar(place: Place, folder: DropFolder) -> dict[str, Any] | None:
    found = find_object(f"{place.key}.json", folder)
    if found is None:
        return None
    try:
        return read_object(found, folder)
    except UploadRefusedError as exc:
        raise UploadRefusedError(
            "invalid_sidecar",
            f"{found.key} cannot be used: {exc}",
            hint="Mend it, then upload the picture again.",
        ) from exc


def _refuse_own(own: dict[str, Any], names: tuple[str, ...], place: Place) -> None:
    problems = tuple(FieldProblem(f"/{n}", "The picture decides this.") for n in names if n in own)
    if problems:
        raise UploadRefusedError(
            "invalid_sidecar",
            f"{place.key}.json says what only the picture decides.",
            hint="Leave these fields out, then upload the picture again.",
            problems=problems,
        )


def _no_prompt(place: Place) -> UploadRefusedError:
    return UploadRefusedError(
        NO_PROMPT,
        "Nothing says what should happen in the picture.",
        hint=f'Upload {place.key}.json with a "prompt", or put a "prompt" into the folder\'s '
        f"{DEFAULTS_NAME}; then upload the picture again.",
    )


def _no_model(place: Place) -> UploadRefusedError:
    return UploadRefusedError(
        "no_model",
        "Nothing says which model makes the video.",
        hint=f'Put a "model" into {place.folders[-1]}{DEFAULTS_NAME}, then upload the file again.',
    )


def _object_missing(key: str) -> UploadRefusedError:
    return UploadRefusedError(
        "object_missing",
        f"The job points at {key}, which is not there.",
        hint="Upload that object first, then this one again.",
    )
