"""Kling AI, the path-per-model API: create, query, list, signed callbacks, and a CDN for the results.

Wire format: kling.ai/document-api, as of 2026-09-20. The older `/v1` generation of the API is not simulated.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from decimal import Decimal
from typing import Any, ClassVar

from dailies.domain.catalogue import Mode, ModelSpec

from local.simulators.callbacks import Callback, CallbackWorker, new_webhook_secret
from local.simulators.clips import FPS
from local.simulators.kling_requests import CreateRequest, InvalidRequestError, parse_create
from local.simulators.scenario import (
    ChangeContent,
    DuplicateCallback,
    ExpireUrl,
    ForgedCallback,
    HttpError,
    LateCallback,
    Missing,
    Moderation,
    NoCallback,
    Occasion,
    Subject,
    Throttle,
    UnknownStatus,
    UnsignedCallback,
)
from local.simulators.server import Request, Response, json_response
from local.simulators.serving import serve_bytes
from local.simulators.state import DuplicateExternalIdError, Ending, Task
from local.simulators.vendor import Ports, Refused, VendorSimulator, World

_MODES = {"text-to-video": Mode.TEXT_TO_VIDEO, "image-to-video": Mode.IMAGE_TO_VIDEO}
_USD_PER_UNIT = Decimal("0.14")
_MAX_IDS = 20
_MAX_PAGE = 500
_PROCESSING_AFTER = 0.1
"""A task leaves the queue after this part of its time."""
RISK_CONTROL = "Failure to pass the risk control system"
_BAD_KEY = (
    "Authentication error. The current API does not support AK/SK; "
    "please go to the console (https://kling.ai/dev/api-key) to create API key."
)
_HTTP_STATUS = {
    0: 200, 1000: 401, 1001: 401, 1002: 401, 1003: 401, 1004: 401, 1100: 429, 1101: 429, 1102: 429, 1103: 403,
    1200: 400, 1201: 400, 1202: 404, 1203: 404, 1300: 400, 1301: 400, 1302: 429, 1303: 429, 1304: 429,
    5000: 500, 5001: 503, 5002: 504,
}  # fmt: skip
_DEFAULT_CODE = {400: 1200, 401: 1000, 403: 1103, 404: 1203, 429: 1302, 503: 5001, 504: 5002}
_MESSAGE = {
    1000: "Authentication failed", 1001: "Authorization is empty", 1002: _BAD_KEY, 1003: "Token is not yet valid",
    1004: "Token is expired", 1100: "Account exception", 1101: "Account in arrears", 1102: "Account balance not enough",
    1103: "No permission for the requested resource", 1200: "Invalid request parameters", 1201: "Invalid parameters",
    1202: "The requested method is invalid", 1203: "The requested resource does not exist",
    1300: "The request triggered the strategy of the platform", 1301: "The request triggered the content security policy",
    1302: "The request rate is too high", 1303: "parallel task over resource pack limit",
    1304: "The request triggered the IP whitelisting policy", 5000: "Internal server error",
    5001: "The server is under maintenance", 5002: "Internal timeout",
}  # fmt: skip


class KlingSimulator(VendorSimulator):
    """The Kling API, its CDN and its callbacks."""

    name: ClassVar[str] = "kling"

    def __init__(self, world: World, ports: Ports) -> None:
        """Bind the ports and make up an account."""
        super().__init__(world, ports)
        self.credentials = {
            "api_key": secrets.token_urlsafe(32),
            "webhook_secret": new_webhook_secret(),
        }
        self.callbacks = CallbackWorker(world.clock, self.store)
        self._url_key = secrets.token_bytes(32)
        self.api.add("POST", "/{product}/{model}", self.submit(self._create))
        self.api.add("GET", "/tasks", self.call(self._query))
        self.api.add("POST", "/tasks", self.call(self._list))
        for method in ("GET", "HEAD"):
            self.files.add(method, "/results/{task_id}/{file}", self.call(self._download))

    def start(self) -> None:
        """Begin to answer and to call back."""
        super().start()
        self.callbacks.start()

    def stop(self) -> None:
        """Stop everything."""
        self.callbacks.stop()
        super().stop()

    def reset(self) -> None:
        """Forget every task, every count and every callback that is still to be sent."""
        self.callbacks.forget()
        super().reset()

    # Envelope and errors

    def error(
        self, code: int, message: str | None = None, *, headers: dict[str, str] | None = None
    ) -> Response:
        """Return an error: the envelope without `data`."""
        return self._envelope(
            _HTTP_STATUS.get(code, 500),
            code,
            message or _MESSAGE.get(code, "error"),
            headers=headers,
        )

    def _envelope(
        self,
        status: int,
        code: int,
        message: str,
        data: Any = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> Response:
        document: dict[str, Any] = {
            "code": code,
            "message": message,
            "request_id": secrets.token_hex(16),
        }
        if code == 0:
            document["data"] = data
        return json_response(status, document, headers)

    def not_found(self, request: Request) -> Response:
        """Answer a path or method that the API does not have."""
        return self.error(1202)

    def file_not_found(self, request: Request) -> Response:
        """Answer as a CDN does."""
        return Response(404, {"Content-Type": "text/plain"}, b"Not Found")

    def throttled(self, fault: Throttle, on: Occasion) -> Response:
        """Return 1303 for a create and 1302 otherwise, unless the scenario names the code."""
        code = fault.code or (1303 if on == "submit" else 1302)
        return self.error(code, headers=_retry_after(fault.retry_after_s))

    def failed(self, fault: HttpError) -> Response:
        """Return the envelope under the wanted HTTP status."""
        code = int(fault.code) if fault.code is not None else _DEFAULT_CODE.get(fault.status, 5000)
        message = fault.message or _MESSAGE.get(code, "error")
        return self._envelope(
            fault.status, code, message, headers=_retry_after(fault.retry_after_s)
        )

    def blocked(self, fault: Moderation) -> Response:
        """Return the refusal of the content before acceptance."""
        return self.error(1301, fault.message)

    def _authorize(self, request: Request) -> None:
        header = request.headers.get("authorization", "").strip()
        if not header:
            raise Refused(self.error(1001))
        if not hmac.compare_digest(header, f"Bearer {self.credentials['api_key']}"):
            raise Refused(self.error(1002))

    # Create

    def _create(self, request: Request) -> Response:
        self._authorize(request)
        mode, model = self._product(request)
        wanted = self._parse(request, mode, model)
        subject = Subject(model.id, wanted.prompt, wanted.external_id)
        fault = self.world.director.fault(self.name, "submit", subject)
        self.before(fault, "submit")
        task = self._accept(wanted, mode, model, subject)
        data = self._row_with_status(task, task.created_at, "submitted")
        for key in ("message", "outputs", "billing"):
            del data[key]
        return self.after(fault, self._envelope(200, 0, "SUCCEED", data))

    def _product(self, request: Request) -> tuple[Mode, ModelSpec]:
        mode = _MODES.get(request.params["product"])
        if mode is None:
            raise Refused(self.error(1202))
        model = self.spec.model(request.params["model"])
        if model is None or mode not in model.modes:
            raise Refused(self.error(1203, f"model '{request.params['model']}' does not exist"))
        return mode, model

    def _parse(self, request: Request, mode: Mode, model: ModelSpec) -> CreateRequest:
        try:
            return parse_create(request.json(), mode, model, self.spec.input_image)
        except InvalidRequestError as exc:
            raise Refused(self.error(1201, str(exc))) from exc
        except ValueError as exc:
            raise Refused(self.error(1200, "request body is not valid JSON")) from exc

    def _accept(
        self, wanted: CreateRequest, mode: Mode, model: ModelSpec, subject: Subject
    ) -> Task:
        price = model.price_usd(
            resolution=wanted.resolution, audio=wanted.audio, duration_s=wanted.duration_s
        )
        with self.store.lock:
            if wanted.external_id and self.store.by_external_id(wanted.external_id):
                raise Refused(self._duplicate(wanted.external_id))
            self._check_account(model, price)
            ending = self.ending(subject, blocked_message=RISK_CONTROL)
            if wanted.image_failed:
                ending = Ending(kind="failed", message="Failed to download the first_frame image")
            task = Task(
                id=str(secrets.randbelow(9 * 10**17) + 10**17),
                model=model.id,
                mode=mode.value,
                prompt=wanted.prompt,
                external_id=wanted.external_id,
                created_at=self.world.clock.now(),
                duration_s=self.duration_s(model.id, subject),
                ending=ending,
                resolution=wanted.resolution,
                aspect_ratio=wanted.aspect_ratio,
                video_s=wanted.duration_s,
                audio=wanted.audio,
                watermark=wanted.watermark,
                callback_url=wanted.callback_url,
                image=wanted.image,
                cost_usd=str(price),
            )
            try:
                self.store.add(task, unique_external_id=True)
            except DuplicateExternalIdError as exc:
                raise Refused(self._duplicate(wanted.external_id)) from exc
        self.prepare([self.clip_spec(task, frames=_frames(task))])
        self._schedule_callbacks(task, subject)
        return task

    def _duplicate(self, external_id: str) -> Response:
        return self.error(1201, f"external_task_id '{external_id}' already exists")

    def _check_account(self, model: ModelSpec, price: Decimal) -> None:
        now, account = self.world.clock.now(), self.world.director.scenario.kling
        tasks = self.store.all()
        # A running task holds its price, or an account could be overdrawn by starting many at once.
        spent = sum(Decimal(t.cost_usd) for t in tasks if t.billed(now) or not t.done(now))
        if account.balance_usd is not None and spent + price > Decimal(str(account.balance_usd)):
            raise Refused(self.error(1102))
        limit = model.concurrency if account.concurrency is None else account.concurrency
        if sum(task.model == model.id and not task.done(now) for task in tasks) >= limit:
            raise Refused(self.error(1303))

    # Query

    def _query(self, request: Request) -> Response:
        ids, external_ids = request.arg("task_ids"), request.arg("external_task_ids")
        self.store.count("lookup" if external_ids and not ids else "poll")
        self._authorize(request)
        if bool(ids) == bool(external_ids):
            problem = "cannot be used at the same time" if ids else "is required"
            raise Refused(self.error(1201, f"task_ids or external_task_ids {problem}"))
        wanted = [part for part in (ids or external_ids or "").split(",") if part]
        if len(wanted) > _MAX_IDS:
            raise Refused(self.error(1201, f"at most {_MAX_IDS} ids can be queried at a time"))
        on: Occasion = "poll" if ids else "lookup"
        find = self.store.get if ids else self.store.by_external_id
        rows: list[dict[str, Any]] = []
        answer: Any = None
        for one in dict.fromkeys(wanted):
            task = find(one)
            subject = (
                Subject(task.model, task.prompt, task.external_id)
                if task
                else Subject(external_id=one)
            )
            fault = self.world.director.fault(self.name, on, subject)
            self.before(fault, on)
            answer = answer or fault
            if task and not isinstance(fault, Missing):
                row = self._row(task, self.world.clock.now())
                rows.append(
                    row
                    | (
                        {"status": fault.word, "outputs": []}
                        if isinstance(fault, UnknownStatus)
                        else {}
                    )
                )
        return self.after(answer, self._envelope(200, 0, "SUCCEED", rows))

    def _list(self, request: Request) -> Response:
        self.store.count("list")
        self._authorize(request)
        try:
            body = request.json() if request.body else {}
            start, end = int(body.get("start_time") or 0), int(body.get("end_time") or 2**62)
            limit = int(body.get("limit") or 100)
            offset = int(base64.b64decode(body["cursor"])) if body.get("cursor") else 0
            filters = {one["key"]: set(one["values"]) for one in body.get("filters") or []}
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as exc:
            raise Refused(self.error(1200)) from exc
        if not 1 <= limit <= _MAX_PAGE:
            raise Refused(self.error(1201, f"limit value '{limit}' is invalid"))
        rows = [self._row(task, self.world.clock.now()) for task in reversed(self.store.all())]
        rows = [row for row in rows if start <= row["create_time"] <= end]
        rows = [row for row in rows if row["status"] in filters.get("status", {row["status"]})]
        if "video" not in filters.get("product_type", {"video"}):
            rows = []
        page = rows[offset : offset + limit]
        more = offset + limit < len(rows)
        cursor = base64.b64encode(str(offset + limit).encode()).decode() if more else ""
        data = {"result": page, "count": len(page), "next_cursor": cursor, "has_more": more}
        return self._envelope(200, 0, "SUCCEED", data)

    def status(self, task: Task, now: float) -> str:
        """Return the vendor's word for a task's state."""
        if task.done(now):
            return "succeeded" if task.ending.kind == "succeeded" else "failed"
        return "processing" if now >= _processing_at(task) else "submitted"

    def _row(self, task: Task, now: float) -> dict[str, Any]:
        """Return a task as queries and callbacks show it at `now`."""
        status = self.status(task, now)
        changed = {"submitted": task.created_at, "processing": _processing_at(task)}.get(
            status, task.ends_at
        )
        succeeded = status == "succeeded"
        return {
            "id": task.id,
            "status": status,
            "message": task.ending.message if status == "failed" else "",
            "create_time": int(task.created_at * 1000),
            "update_time": int(changed * 1000),
            "external_id": task.external_id,
            "outputs": [self._output(task)] if succeeded else [],
            "billing": [_billing(task)] if succeeded else [],
        }

    # Results

    def _output(self, task: Task) -> dict[str, Any]:
        return {
            "type": "video",
            "id": str(int(hashlib.sha256(task.id.encode()).hexdigest()[:14], 16) + 10**17),
            "url": self._signed_url(task, "video.mp4"),
            "watermark_url": self._signed_url(task, "video_watermark.mp4")
            if task.watermark
            else "",
            "duration": f"{_frames(task) / FPS:.2f}",
        }

    def _signed_url(self, task: Task, file: str) -> str:
        expires = int(task.ends_at + self.world.director.scenario.kling.url_lifetime_s)
        path = f"/results/{task.id}/{file}"
        return f"{self.files_url}{path}?x-expires={expires}&x-signature={self._url_signature(path, str(expires))}"

    def _url_signature(self, path: str, expires: str) -> str:
        return hmac.new(self._url_key, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()

    def _download(self, request: Request) -> Response:
        self.store.count("download")
        if "authorization" in request.headers:
            self.store.count("leaked_key")
            return _cdn_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        expires = request.arg("x-expires") or ""
        expected = self._url_signature(request.path, expires)
        if not hmac.compare_digest(request.arg("x-signature") or "", expected):
            return _cdn_error(403, "SignatureDoesNotMatch", "The request signature does not match")
        task = self.store.get(request.params["task_id"])
        now = self.world.clock.now()
        if task is None or self.status(task, now) != "succeeded":
            return self.file_not_found(request)
        subject = Subject(task.model, task.prompt, task.external_id)
        fault = self.world.director.fault(self.name, "download", subject)
        self.before(fault, "download")
        if isinstance(fault, ExpireUrl) or now > int(expires):
            return _cdn_error(403, "AccessDenied", "Request has expired")
        spec = self.clip_spec(
            task,
            frames=_frames(task),
            sample=1 if isinstance(fault, ChangeContent) else 0,
            watermark=request.params["file"] == "video_watermark.mp4",
        )
        content = self.world.studio.clip(spec)
        return self.after(
            fault, serve_bytes(request, content, modified_at=task.ends_at, headers={}, fault=fault)
        )

    # Callbacks

    def _schedule_callbacks(self, task: Task, subject: Subject) -> None:
        faults = self.world.director.callbacks(self.name, subject)
        if not task.callback_url:
            return
        changes = [(task.created_at, "submitted"), (_processing_at(task), "processing")]
        for at, status in [*changes, (task.ends_at, self.status(task, task.ends_at))]:
            self._schedule_one(
                task,
                at,
                status,
                [f for f in faults if getattr(f, "status", None) in (None, status)],
            )
        for forged in faults:
            if isinstance(forged, ForgedCallback):
                self._schedule_forged(task, task.created_at + forged.after_s)

    def _schedule_one(self, task: Task, at: float, status: str, faults: list[Any]) -> None:
        if any(isinstance(fault, NoCallback) for fault in faults):
            return
        signs = self.world.director.scenario.kling.signs_callbacks
        unsigned = not signs or any(isinstance(fault, UnsignedCallback) for fault in faults)
        late_s = sum(fault.seconds for fault in faults if isinstance(fault, LateCallback))
        copies = 1 + sum(fault.count for fault in faults if isinstance(fault, DuplicateCallback))
        callback = Callback(
            task_id=task.id,
            status=status,
            url=task.callback_url,
            webhook_id=str(secrets.randbelow(10**10)),
            body=lambda: _compact(self._row_with_status(task, at, status)),
            secret=None if unsigned else self.credentials["webhook_secret"],
            kind="unsigned" if unsigned else "genuine",
        )
        for _ in range(copies):
            self.callbacks.schedule(at + late_s, callback)

    def _schedule_forged(self, task: Task, at: float) -> None:
        row = self._row(task, task.created_at) | {
            "status": "succeeded",
            "outputs": [
                {
                    "type": "video",
                    "id": "1",
                    "url": "http://192.0.2.1/forged.mp4",
                    "duration": "5.04",
                }
            ],
        }
        callback = Callback(
            task_id=task.id,
            status="succeeded",
            url=task.callback_url,
            webhook_id=str(secrets.randbelow(10**10)),
            body=lambda: _compact(row),
            secret=new_webhook_secret(),
            kind="forged",
        )
        self.callbacks.schedule(at, callback)

    def _row_with_status(self, task: Task, at: float, status: str) -> dict[str, Any]:
        """Return the row of a status change; two changes at one instant still show their own status."""
        row = self._row(task, at)
        return (
            row
            if row["status"] == status
            else row | {"status": status, "outputs": [], "billing": [], "message": ""}
        )


def _frames(task: Task) -> int:
    """Return how many frames a clip has: the vendor adds one, which is why five seconds are reported as 5.04."""
    return task.video_s * FPS + 1


def _processing_at(task: Task) -> float:
    return task.created_at + task.duration_s * _PROCESSING_AFTER


def _billing(task: Task) -> dict[str, str]:
    """Return what a task cost, paid in units of a resource pack; the fields of cash accounts stay empty."""
    units = Decimal(task.cost_usd) / _USD_PER_UNIT
    return {
        "charge_type": "unit",
        "cash_type": "",
        "amount": f"{units.normalize():f}",
        "currency": "",
        "package_type": "video",
        "list_price": "",
    }


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}


def _cdn_error(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(status, {"Content-Type": "application/xml"}, body.encode())


def _compact(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
