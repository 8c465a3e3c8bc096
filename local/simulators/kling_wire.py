"""Kling's envelope, error table and prices on the wire."""

from __future__ import annotations

import json
import secrets
from decimal import Decimal
from typing import Any

from dailies.domain.catalogue import ModelSpec
from local.simulators.clips import FPS
from local.simulators.server import Response, json_response
from local.simulators.state import Task

LEGACY = "legacy"
RISK_CONTROL = "Failure to pass the risk control system"
"""How a task ends that was blocked after acceptance; no code comes with it."""
_BAD_KEY = (
    "Authentication error. The current API does not support AK/SK; "
    "please go to the console (https://kling.ai/dev/api-key) to create API key."
)
_ERRORS: dict[int, tuple[int, str]] = {
    1000: (401, "Authentication failed"),
    1001: (401, "Authorization is empty"),
    1002: (401, _BAD_KEY),
    1003: (401, "Authorization is not yet valid"),
    1004: (401, "Authorization has expired"),
    1100: (429, "Account exception"),
    1101: (429, "Account in arrears"),
    1102: (429, "Account balance not enough"),
    1103: (403, "No permission for the requested resource"),
    1200: (400, "Invalid request parameters"),
    1201: (400, "Invalid parameters"),
    1202: (404, "The requested method is invalid"),
    1203: (404, "The requested resource does not exist"),
    1300: (400, "The request triggered the policy of the platform"),
    1301: (400, "The request triggered the content security policy of the platform"),
    1302: (429, "The request rate is too high"),
    1303: (429, "parallel task over resource pack limit"),
    1304: (429, "The request triggered the IP whitelist policy of the platform"),
    5000: (500, "Internal server error"),
    5001: (503, "The server is under maintenance"),
    5002: (504, "Internal timeout"),
}
"""HTTP status and text by code."""
_CODE_OF_STATUS = {400: 1200, 401: 1000, 403: 1103, 404: 1203, 429: 1302, 503: 5001, 504: 5002}


def generation_of(model: ModelSpec) -> str:
    """Return which generation of the API serves a model; empty for the newer one."""
    return str(model.wire.get("generation", ""))


def success(data: Any) -> Response:
    """Return the envelope of an answer."""
    return _envelope(200, 0, "SUCCEED", {"data": data})


def kling_error(
    code: int,
    message: str | None = None,
    *,
    status: int | None = None,
    retry_after_s: float | None = None,
) -> Response:
    """Return the envelope of an error, which has no `data`; the rest follows from the code."""
    usual_status, text = _ERRORS.get(code, (500, "Unknown error"))
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
    return _envelope(status or usual_status, code, message or text, {}, headers)


def code_of_status(status: int) -> int:
    """Return the code that usually comes with an HTTP status."""
    return _CODE_OF_STATUS.get(status, 5000)


def _envelope(
    status: int,
    code: int,
    message: str,
    rest: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> Response:
    document = {"code": code, "message": message, "request_id": secrets.token_hex(16)} | rest
    return json_response(status, document, headers)


def billing(task: Task, unit_usd: Decimal) -> dict[str, str]:
    """Return what a task cost in units of a pack; the fields of cash accounts stay empty."""
    units = Decimal(task.cost_usd) / unit_usd
    return {
        "charge_type": "unit",
        "cash_type": "",
        "amount": f"{units.normalize():f}",
        "currency": "",
        "package_type": "video",
        "list_price": "",
    }


def clip_frames(task: Task) -> int:
    """Return the frames of a clip: one more than asked, hence the 5.04 for five seconds."""
    return task.video_s * FPS + 1


def compact(row: dict[str, Any]) -> bytes:
    """Return the body of a callback."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
