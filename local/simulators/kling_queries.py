"""Kling's queries of the newer generation: by ids, and page by page. They show every task."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from local.simulators.kling_wire import kling_error, success
from local.simulators.scenario import Action, Missing, Occasion, UnknownStatus
from local.simulators.server import Request, Response
from local.simulators.vendor import Refused

if TYPE_CHECKING:
    from local.simulators.kling import KlingSimulator

_MAX_IDS = 20
_MAX_PAGE = 500


class KlingQueries:
    """The path `/tasks`."""

    def __init__(self, kling: KlingSimulator) -> None:
        """Add the path to `kling`'s."""
        self._kling = kling
        kling.api.add("GET", "/tasks", kling.call(self._query))
        kling.api.add("POST", "/tasks", kling.call(self._list))

    def _query(self, request: Request) -> Response:
        ids, external_ids = request.arg("task_ids"), request.arg("external_task_ids")
        on: Occasion = "lookup" if external_ids and not ids else "poll"
        self._kling.store.count(on)
        self._kling.authorize(request)
        if bool(ids) == bool(external_ids):
            problem = "cannot be used at the same time" if ids else "is required"
            raise Refused(kling_error(1201, f"task_ids or external_task_ids {problem}"))
        wanted = list(
            dict.fromkeys(part for part in (ids or external_ids or "").split(",") if part)
        )
        if len(wanted) > _MAX_IDS:
            raise Refused(kling_error(1201, f"at most {_MAX_IDS} ids can be queried at a time"))
        find = self._kling.store.get if ids else self._kling.store.by_external_id
        rows: list[dict[str, Any]] = []
        last_fault: Action | None = None
        for one in wanted:
            task = find(one)
            fault = self._kling.query_fault(task, one, on)
            last_fault = fault or last_fault
            if task and not isinstance(fault, Missing):
                odd = (
                    {"status": fault.word, "outputs": []}
                    if isinstance(fault, UnknownStatus)
                    else {}
                )
                rows.append(self._kling.row(task, self._kling.world.clock.now()) | odd)
        return self._kling.after(last_fault, success(rows))

    def _list(self, request: Request) -> Response:
        self._kling.store.count("list")
        self._kling.authorize(request)
        try:
            body = request.json() if request.body else {}
            start, end = int(body.get("start_time") or 0), int(body.get("end_time") or 2**62)
            limit = int(body.get("limit") or 100)
            offset = int(base64.b64decode(body["cursor"])) if body.get("cursor") else 0
            filters = {str(one["key"]): set(one["values"]) for one in body.get("filters") or []}
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as exc:
            raise Refused(kling_error(1200)) from exc
        if not 1 <= limit <= _MAX_PAGE:
            raise Refused(kling_error(1201, f"limit value '{limit}' is invalid"))
        rows = [row for row in self._rows(filters) if start <= row["create_time"] <= end]
        page, more = rows[offset : offset + limit], offset + limit < len(rows)
        cursor = base64.b64encode(str(offset + limit).encode()).decode() if more else ""
        data = {"result": page, "count": len(page), "next_cursor": cursor, "has_more": more}
        return success(data)

    def _rows(self, filters: dict[str, set[Any]]) -> list[dict[str, Any]]:
        """Return the rows that fit the filters, newest first; every task here makes a video."""
        now, statuses = self._kling.world.clock.now(), filters.get("status")
        if "video" not in filters.get("product_type", {"video"}):
            return []
        rows = [self._kling.row(task, now) for task in reversed(self._kling.store.all())]
        return [row for row in rows if statuses is None or row["status"] in statuses]
