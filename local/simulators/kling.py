"""Kling AI, the path-per-model API: create, query and list, with signed callbacks and a CDN.

Wire format: kling.ai/document-api, as of 2026-09-20. The older `/v1` generation, on the same host
and over the same tasks, is `kling_legacy.py`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from decimal import Decimal
from typing import Any, ClassVar

from dailies.domain.catalogue import Mode, ModelSpec
from local.simulators.callbacks import CallbackWorker, new_webhook_secret
from local.simulators.clips import FPS
from local.simulators.director import Subject
from local.simulators.kling_auth import refusal
from local.simulators.kling_callbacks import RowAt, schedule_callbacks
from local.simulators.kling_cdn import PLAIN, WATERMARKED, KlingCdn
from local.simulators.kling_images import InvalidRequestError
from local.simulators.kling_legacy import KlingLegacyApi
from local.simulators.kling_queries import KlingQueries
from local.simulators.kling_requests import CreateRequest, parse_create
from local.simulators.kling_wire import (
    LEGACY,
    RISK_CONTROL,
    billing,
    clip_frames,
    code_of_status,
    generation_of,
    kling_error,
    success,
)
from local.simulators.scenario import (
    Action,
    HttpError,
    Moderation,
    Occasion,
    Throttle,
)
from local.simulators.server import Request, Response
from local.simulators.state import DuplicateExternalIdError, Ending, Task
from local.simulators.vendor import Ports, Refused, VendorSimulator, World

_MODES = {"text-to-video": Mode.TEXT_TO_VIDEO, "image-to-video": Mode.IMAGE_TO_VIDEO}
_PROCESSING_AFTER = 0.1
"""A task leaves the queue after this part of its time."""


class KlingSimulator(VendorSimulator):
    """The Kling API, its CDN and its callbacks."""

    name: ClassVar[str] = "kling"

    def __init__(self, world: World, ports: Ports) -> None:
        """Bind the ports and make up an account."""
        super().__init__(world, ports)
        self.credentials = world.shelf.keep("kling-keys", _new_credentials)
        self.callbacks = CallbackWorker(world.clock, self.store)
        self._cdn = KlingCdn(self)
        self._legacy = KlingLegacyApi(self)
        KlingQueries(self)
        self.api.add("POST", "/{product}/{model}", self.submit(self._create))

    def start(self) -> None:
        """Begin to answer and to call back, also of tasks that an earlier process took."""
        super().start()
        sent = {(one.task_id, one.status) for one in self.store.callbacks()}
        for task in self.store.all():
            model = self.spec.model(task.model)
            legacy = model is not None and generation_of(model) == LEGACY
            row_at = self._legacy.row_as if legacy else self._row_as
            self._schedule_callbacks(task, row_at, [], sent)
        self.callbacks.start()

    def settle(self) -> None:
        """Wait until every callback that is due has been sent."""
        self.callbacks.settle()

    def stop(self) -> None:
        """Stop everything."""
        self.callbacks.stop()
        super().stop()

    def reset(self) -> None:
        """Forget every task, every count and every callback that is still to be sent."""
        self.callbacks.forget()
        super().reset()

    # Errors

    def not_found(self, request: Request) -> Response:
        """Answer a path or method that the API does not have."""
        return kling_error(1202)

    def file_not_found(self, request: Request) -> Response:
        """Answer as a CDN does."""
        return Response(404, {"Content-Type": "text/plain"}, b"Not Found")

    def throttled(self, fault: Throttle, on: Occasion) -> Response:
        """Return 1303 for a create and 1302 otherwise, unless the scenario names the code."""
        code = fault.code or (1303 if on == "submit" else 1302)
        return kling_error(code, retry_after_s=fault.retry_after_s)

    def failed(self, fault: HttpError) -> Response:
        """Return the envelope under the wanted HTTP status."""
        code = int(fault.code) if fault.code is not None else code_of_status(fault.status)
        return kling_error(
            code, fault.message, status=fault.status, retry_after_s=fault.retry_after_s
        )

    def blocked(self, fault: Moderation) -> Response:
        """Return the refusal of the content before acceptance."""
        return kling_error(1301, fault.message)

    def authorize(self, request: Request, *, takes_tokens: bool = False) -> None:
        """Raise Refused unless the caller may use this path."""
        header = request.headers.get("authorization", "")
        code = refusal(header, self.credentials, self.world.clock, takes_tokens=takes_tokens)
        if code is not None:
            raise Refused(kling_error(code))

    # Create

    def _create(self, request: Request) -> Response:
        self.authorize(request)
        mode, model = self._product(request)
        wanted = self._parse(request, mode, model)
        subject = Subject(model.id, wanted.prompt, wanted.external_id)
        fault = self.world.director.fault(self.name, "submit", subject)
        self.before(fault, "submit")
        task = self.accept(wanted, mode, model, subject)
        row = self._row_as(task, task.created_at, "submitted")
        keys = ("id", "status", "create_time", "update_time", "external_id")
        return self.after(fault, success({key: row[key] for key in keys}))

    def _product(self, request: Request) -> tuple[Mode, ModelSpec]:
        mode = _MODES.get(request.params["product"])
        if mode is None:
            raise Refused(kling_error(1202))
        model = self.spec.model(request.params["model"])
        if model is None or mode not in model.modes or generation_of(model) == LEGACY:
            message = f"model '{request.params['model']}' does not exist"
            raise Refused(kling_error(1203, message))
        return mode, model

    def _parse(self, request: Request, mode: Mode, model: ModelSpec) -> CreateRequest:
        try:
            return parse_create(request.json(), mode, model, self.spec.input_image)
        except InvalidRequestError as exc:
            raise Refused(kling_error(1201, str(exc))) from exc
        except ValueError as exc:
            raise Refused(kling_error(1200, "request body is not valid JSON")) from exc

    def accept(self, wanted: CreateRequest, mode: Mode, model: ModelSpec, subject: Subject) -> Task:
        """Create the task, or raise Refused; checks and creation are one step, for calls race."""
        duration_s = wanted.duration_s
        price = model.price_usd(
            resolution=wanted.resolution, audio=wanted.audio, duration_s=duration_s
        )
        row_at = self._legacy.row_as if generation_of(model) == LEGACY else self._row_as
        with self.store.lock:
            try:
                self.store.require_new(wanted.external_id)
            except DuplicateExternalIdError as exc:
                message = f"external_task_id '{wanted.external_id}' already exists"
                raise Refused(kling_error(1201, message)) from exc
            self._check_account(model, price)
            task = self.store.add(
                Task(
                    id=str(secrets.randbelow(9 * 10**17) + 10**17),
                    model=model.id,
                    mode=mode.value,
                    prompt=wanted.prompt,
                    external_id=wanted.external_id,
                    created_at=self.world.clock.now(),
                    duration_s=self.duration_s(model.id, subject),
                    ending=self._ending(wanted, subject),
                    resolution=wanted.resolution,
                    aspect_ratio=wanted.aspect_ratio,
                    video_s=duration_s + (wanted.parent.video_s if wanted.parent else 0),
                    audio=wanted.audio,
                    watermark=wanted.watermark,
                    callback_url=wanted.callback_url,
                    image=wanted.image,
                    extra={"extends": wanted.parent.id} if wanted.parent else {},
                    cost_usd=str(price),
                )
            )
        self.prepare([self.clip_spec(task, frames=clip_frames(task))])
        self._schedule_callbacks(task, row_at, self.world.director.callbacks(self.name, subject))
        return task

    def _ending(self, wanted: CreateRequest, subject: Subject) -> Ending:
        ending = self.ending(subject, blocked_message=RISK_CONTROL)
        if wanted.image_failed:
            return Ending(kind="failed", message="Failed to download the first_frame image")
        return ending

    def _check_account(self, model: ModelSpec, price: Decimal) -> None:
        now, account = self.world.clock.now(), self.world.director.scenario.kling
        tasks = self.store.all()
        # A running task holds its price, or an account could be overdrawn by starting many at once.
        spent = sum(Decimal(t.cost_usd) for t in tasks if t.billed(now) or not t.done(now))
        if account.balance_usd is not None and spent + price > Decimal(str(account.balance_usd)):
            raise Refused(kling_error(1102))
        limit = model.concurrency if account.concurrency is None else account.concurrency
        if sum(task.model == model.id and not task.done(now) for task in tasks) >= limit:
            raise Refused(kling_error(1303))

    def _schedule_callbacks(
        self,
        task: Task,
        row_at: RowAt,
        faults: list[Action],
        sent: Collection[tuple[str, str]] = (),
    ) -> None:
        if not task.callback_url:
            return
        signs = self.world.director.scenario.kling.signs_callbacks
        changes = [
            (task.created_at, "submitted"),
            (_processing_at(task), "processing"),
            (task.ends_at, self.status(task, task.ends_at)),
        ]
        schedule_callbacks(
            self.callbacks,
            task,
            [change for change in changes if (task.id, change[1]) not in sent],
            row_at,
            secret=self.credentials["webhook_secret"] if signs else None,
            faults=faults,
        )

    def query_fault(self, task: Task | None, asked: str, on: Occasion) -> Action | None:
        """Return the fault that is due for a query, after what comes before any effect."""
        subject = Subject(external_id=asked if on == "lookup" else "")
        if task:
            subject = Subject(task.model, task.prompt, task.external_id)
        fault = self.world.director.fault(self.name, on, subject)
        self.before(fault, on)
        return fault

    # Rows

    def status(self, task: Task, now: float) -> str:
        """Return the vendor's word for a task's state."""
        if task.done(now):
            return "succeeded" if task.ending.kind == "succeeded" else "failed"
        return "processing" if now >= _processing_at(task) else "submitted"

    def row(self, task: Task, now: float) -> dict[str, Any]:
        """Return a task as queries show it now."""
        return self._row_as(task, now, self.status(task, now))

    def _row_as(self, task: Task, now: float, status: str) -> dict[str, Any]:
        """Return a task as queries and callbacks show it with `status`.

        The status is given, because a task without duration has three of them at one instant.
        """
        succeeded = status == "succeeded"
        return {
            "id": task.id,
            "status": status,
            "message": task.ending.message if status == "failed" else "",
            "create_time": int(task.created_at * 1000),
            "update_time": int(self.changed_at(task, status) * 1000),
            "external_id": task.external_id,
            "outputs": [self._output(task)] if succeeded else [],
            "billing": [billing(task, self.spec.billing_unit_usd or Decimal(1))]
            if succeeded
            else [],
        }

    def changed_at(self, task: Task, status: str) -> float:
        """Return when a task came into a status."""
        changes = {"submitted": task.created_at, "processing": _processing_at(task)}
        return changes.get(status, task.ends_at)

    def video_id(self, task: Task) -> str:
        """Return the id of a task's video, which is not the task's."""
        digest = hashlib.sha256(task.id.encode()).hexdigest()
        return str(10**17 + int(digest[:14], 16))

    def result_url(self, task: Task, *, watermark: bool = False) -> str:
        """Return the signed address of a task's video."""
        return self._cdn.url(task, WATERMARKED if watermark else PLAIN)

    def _output(self, task: Task) -> dict[str, Any]:
        return {
            "type": "video",
            "id": self.video_id(task),
            "url": self.result_url(task),
            "watermark_url": self.result_url(task, watermark=True) if task.watermark else "",
            "duration": f"{clip_frames(task) / FPS:.2f}",
        }


def _processing_at(task: Task) -> float:
    return task.created_at + task.duration_s * _PROCESSING_AFTER


def _new_credentials() -> dict[str, str]:
    return {
        "api_key": secrets.token_urlsafe(32),
        "access_key": secrets.token_urlsafe(16),
        "secret_key": secrets.token_urlsafe(32),
        "webhook_secret": new_webhook_secret(),
    }
