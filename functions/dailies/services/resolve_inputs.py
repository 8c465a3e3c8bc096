"""Resolve inputs: where a job body points at dropped objects, it gets assets."""

from __future__ import annotations

from typing import Any, cast

from dailies.domain.arrivals import DropFolder, FoundObject, InputObject
from dailies.domain.catalogue import Input
from dailies.domain.errors import FieldProblem
from dailies.domain.ids import derived_id
from dailies.domain.inbox import Place, UploadRefusedError, check_name, place_of
from dailies.services.check_upload import check_media, find_object


class InputResolver:
    """Turns `{"key": …}` into assets: one for each version of an object, the same every time."""

    def __init__(self, place: Place, folder: DropFolder, *, this: FoundObject) -> None:
        self._place, self._folder, self._this = place, folder, this
        self.found: dict[str, InputObject] = {}
        self.missing: str | None = None

    def resolve(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body with asset ids for keys; notes what is not there."""
        resolved = dict(body)
        for name in Input:
            value = body.get(name)
            if isinstance(value, list):
                refs = cast("list[Any]", value)[:16]
                resolved[name] = [self._ref(r, f"/{name}/{i}") for i, r in enumerate(refs)]
            elif value is not None:
                resolved[name] = self._ref(value, f"/{name}")
        return resolved

    def _ref(self, value: Any, pointer: str) -> Any:
        if not isinstance(value, dict) or "key" not in value:
            return cast("Any", value)
        fields = cast("dict[str, Any]", value)
        place = place_of(fields["key"]) if isinstance(fields["key"], str) else None
        if place is None or place.tenant != self._place.tenant or len(fields) != 1:
            raise _bad_key(pointer, f"It is a key below inbox/{self._place.tenant}/.")
        check_name(place)
        found = self._this if place.key == self._this.key else find_object(place.key, self._folder)
        if found is None:
            self.missing = place.key
            return {}
        if place.key not in self.found:
            try:
                self.found[place.key] = _as_input(place, found, self._folder)
            except UploadRefusedError as exc:
                if found is self._this:
                    raise
                raise _bad_key(pointer, str(exc)) from exc
        return {"asset_id": self.found[place.key].asset_id}


def _as_input(place: Place, found: FoundObject, folder: DropFolder) -> InputObject:
    return InputObject(
        key=found.key,
        version_id=found.version_id,
        asset_id=derived_id("ast", found.modified_at, found.key, found.version_id),
        content_type=check_media(found, place.role, folder),
        size_bytes=found.size_bytes,
        modified_at=found.modified_at,
    )


def _bad_key(pointer: str, detail: str) -> UploadRefusedError:
    return UploadRefusedError(
        "invalid_request",
        "The job points at an object that it cannot use.",
        problems=(FieldProblem(pointer, detail),),
        hint='Point at an object of your own inbox: {"key": "inbox/<tenant>/<path>"}.',
    )
