"""Read the defaults of an object's folders, and the caps on what the folders' jobs may cost."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from dailies.domain.arrivals import Cap, DropFolder
from dailies.domain.catalogue import Input
from dailies.domain.errors import FieldProblem
from dailies.domain.inbox import DEFAULTS_NAME, Place, UploadRefusedError
from dailies.domain.jobs import JobRequest
from dailies.services.check_upload import find_object, read_object

CAP_FIELD: Final = "spend_cap_usd"
_MAX_CAP_USD: Final = 1_000_000
_NOT_FOR_ALL: Final = frozenset({"kind", *(name.value for name in Input)})
"""What the object itself decides, never a folder."""
_DEFAULTS: Final = frozenset(JobRequest.model_fields) - _NOT_FOR_ALL | {CAP_FIELD}


def read_defaults(place: Place, folder: DropFolder) -> tuple[dict[str, Any], tuple[Cap, ...]]:
    """Return the defaults of an object's folders, the nearest first in weight, and all their caps.

    Raises:
        UploadRefusedError: `invalid_defaults`: where they cannot be read, nothing may be spent.
    """
    merged: dict[str, Any] = {}
    caps: list[Cap] = []
    for prefix in place.folders:
        found = find_object(f"{prefix}{DEFAULTS_NAME}", folder)
        if found is None:
            continue
        try:
            own = check_defaults(read_object(found, folder))
        except UploadRefusedError as exc:
            raise UploadRefusedError(
                "invalid_defaults",
                f"{found.key} cannot be used: {exc}",
                hint="Mend it, then upload this file again.",
                problems=exc.problems,
            ) from exc
        if CAP_FIELD in own:
            caps.append(Cap(prefix, own.pop(CAP_FIELD)))
        merged |= own
    return merged, tuple(caps)


def check_defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Return a folder's defaults, the cap as a Decimal.

    Raises:
        UploadRefusedError: `invalid_defaults`.
    """
    problems = [
        FieldProblem(f"/{name[:64]}", "A folder has no such default.")
        for name in values
        if name not in _DEFAULTS
    ]
    checked = dict(values)
    if CAP_FIELD in values:
        try:
            if isinstance(values[CAP_FIELD], bool):
                raise InvalidOperation
            cap = Decimal(str(values[CAP_FIELD]))
            if not (cap.is_finite() and 0 <= cap <= _MAX_CAP_USD):
                raise InvalidOperation
            checked[CAP_FIELD] = cap
        except InvalidOperation:
            problems.append(FieldProblem(f"/{CAP_FIELD}", "It is an amount in US dollars."))
    if problems:
        raise UploadRefusedError(
            "invalid_defaults", "The defaults have mistakes.", problems=tuple(problems)
        )
    return checked
