"""Kling's older generation on the same host: a path per product, with its own bodies and words.

Wire format: the vendor's pages of that generation and its own Python client. Its tasks are the
account's, so the newer queries show them as well.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dailies.domain.catalogue import Mode, ModelSpec
from local.simulators.clips import FPS
from local.simulators.director import Subject
from local.simulators.kling_images import InvalidRequestError
from local.simulators.kling_legacy_requests import (
    DEFAULT_MODEL,
    parse_extension,
    parse_legacy,
    text_member,
)
from local.simulators.kling_requests import CreateRequest
from local.simulators.kling_wire import LEGACY, clip_frames, generation_of, kling_error, success
from local.simulators.scenario import Missing, Occasion, UnknownStatus
from local.simulators.server import Request, Response
from local.simulators.state import Task
from local.simulators.vendor import Refused

if TYPE_CHECKING:
    from local.simulators.kling import KlingSimulator

_MODES = {
    "text2video": Mode.TEXT_TO_VIDEO,
    "image2video": Mode.IMAGE_TO_VIDEO,
    "video-extend": Mode.VIDEO_EXTEND,
}
_MAX_PAGE, _MAX_PAGE_SIZE, _PAGE_SIZE = 1000, 500, 30
_NOT_FOUND = "Task not found by id/external id"
_WORDS = {"succeeded": "succeed"}


class KlingLegacyApi:
    """The paths under `/v1/videos`."""

    def __init__(self, kling: KlingSimulator) -> None:
        """Add the paths to `kling`'s."""
        self._kling = kling
        kling.api.add("POST", "/v1/videos/{product}", kling.submit(self._create))
        kling.api.add("GET", "/v1/videos/{product}", kling.call(self._list))
        kling.api.add("GET", "/v1/videos/{product}/{id}", kling.call(self._show))

    # Create

    def _create(self, request: Request) -> Response:
        self._kling.authorize(request, takes_tokens=True)
        mode = _mode(request)
        try:
            body = request.json()
        except ValueError as exc:
            raise Refused(kling_error(1200, "request body is not valid JSON")) from exc
        if not isinstance(body, dict):
            raise Refused(kling_error(1200, "request body must be a JSON object"))
        try:
            model, wanted = self._parse(body, mode)
        except InvalidRequestError as exc:
            raise Refused(kling_error(1201, str(exc))) from exc
        subject = Subject(model.id, wanted.prompt, wanted.external_id)
        fault = self._kling.world.director.fault(self._kling.name, "submit", subject)
        self._kling.before(fault, "submit")
        task = self._kling.accept(wanted, mode, model, subject)
        row = self.row_as(task, task.created_at, "submitted")
        keys = ("task_id", "task_status", "task_info", "created_at", "updated_at")
        return self._kling.after(fault, success({key: row[key] for key in keys}))

    def _parse(self, body: dict[str, Any], mode: Mode) -> tuple[ModelSpec, CreateRequest]:
        if mode is Mode.VIDEO_EXTEND:
            parent = self._parent(text_member(body, "video_id"))
            model = self._model(parent.model)
            return model, parse_extension(body, parent, model.modes[mode])
        model = self._model(text_member(body, "model_name") or DEFAULT_MODEL)
        if mode not in model.modes:
            raise InvalidRequestError(f"model_name value '{model.id}' is invalid")
        limits = model.input_image or self._kling.spec.input_image
        return model, parse_legacy(body, mode, model, limits)

    def _model(self, name: str) -> ModelSpec:
        model = self._kling.spec.model(name)
        if model is None or generation_of(model) != LEGACY:
            raise InvalidRequestError(f"model_name value '{name}' is invalid")
        today = dt.datetime.fromtimestamp(self._kling.world.clock.now(), dt.UTC).date()
        if model.lifecycle.retired(today):
            raise InvalidRequestError(f"The model {name} has been discontinued")
        return model

    def _parent(self, video_id: str) -> Task:
        """Return the task whose video is to be extended, or raise InvalidRequestError."""
        now = self._kling.world.clock.now()
        if not video_id:
            raise InvalidRequestError("video_id: must not be blank")
        made = [task for task in self._kling.store.all() if task.billed(now)]
        task = next((one for one in made if self._kling.video_id(one) == video_id), None)
        model = self._kling.spec.model(task.model) if task else None
        if task is None or model is None:
            raise InvalidRequestError(f"video_id value '{video_id}' does not exist")
        if Mode.VIDEO_EXTEND not in model.modes:
            raise InvalidRequestError(f"video_id: videos of {model.id} are not supported")
        rule = model.modes[Mode.VIDEO_EXTEND].video
        if rule.max_age_s is not None and now - task.ends_at > rule.max_age_s:
            raise InvalidRequestError(f"video_id value '{video_id}' has expired")
        return task

    # Query

    def _show(self, request: Request) -> Response:
        kling, asked = self._kling, request.params["id"]
        on: Occasion = "poll" if asked.isdecimal() else "lookup"
        kling.store.count(on)
        kling.authorize(request, takes_tokens=True)
        mode = _mode(request)
        task = kling.store.get(asked) or kling.store.by_external_id(asked)
        task = task if task and self._of(task, mode) else None
        fault = kling.query_fault(task, asked, on)
        if task is None or isinstance(fault, Missing):
            raise Refused(kling_error(1201, _NOT_FOUND))
        row = self.query_row(task)
        if isinstance(fault, UnknownStatus):
            row |= {"task_status": fault.word, "task_result": {}}
        return kling.after(fault, success(row))

    def _list(self, request: Request) -> Response:
        self._kling.store.count("list")
        self._kling.authorize(request, takes_tokens=True)
        mode = _mode(request)
        page = _whole(request, "pageNum", 1, _MAX_PAGE)
        size = _whole(request, "pageSize", _PAGE_SIZE, _MAX_PAGE_SIZE)
        tasks = [task for task in reversed(self._kling.store.all()) if self._of(task, mode)]
        start = (page - 1) * size
        return success([self.query_row(task) for task in tasks[start : start + size]])

    def _of(self, task: Task, mode: Mode) -> bool:
        model = self._kling.spec.model(task.model)
        return task.mode == mode.value and model is not None and generation_of(model) == LEGACY

    def query_row(self, task: Task) -> dict[str, Any]:
        """Return a task as the queries of this generation show it."""
        now = self._kling.world.clock.now()
        row = self.row_as(task, now, self._kling.status(task, now))
        return row | {"watermark_info": {"enabled": task.watermark}}

    def row_as(self, task: Task, now: float, status: str) -> dict[str, Any]:
        """Return a task as callbacks of this generation show it with `status`."""
        changed_at = self._kling.changed_at(task, status)
        info: dict[str, Any] = {"external_task_id": task.external_id}
        if parent := self._kling.store.get(task.extra.get("extends", "")):
            info = {"parent_video": self._video(parent)} | info
        succeeded = status == "succeeded"
        units = Decimal(task.cost_usd) / (self._kling.spec.billing_unit_usd or Decimal(1))
        return {
            "task_id": task.id,
            "task_status": _WORDS.get(status, status),
            "task_status_msg": task.ending.message if status == "failed" else "",
            "task_info": info,
            "created_at": int(task.created_at * 1000),
            "updated_at": int(changed_at * 1000),
            "task_result": {"videos": [self._video(task)]} if succeeded else {},
            "final_unit_deduction": f"{units.normalize():f}" if succeeded else "0",
            "final_balance_deduction": {"quota": "0", "list_price": "0"},
        }

    def _video(self, task: Task) -> dict[str, str]:
        video = {"id": self._kling.video_id(task), "url": self._kling.result_url(task)}
        if task.watermark:
            video["watermark_url"] = self._kling.result_url(task, watermark=True)
        return video | {"duration": f"{clip_frames(task) / FPS:.2f}"}


def _mode(request: Request) -> Mode:
    mode = _MODES.get(request.params["product"])
    if mode is None:
        raise Refused(kling_error(1202))
    return mode


def _whole(request: Request, name: str, default: int, most: int) -> int:
    text = request.arg(name) or str(default)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise Refused(kling_error(1201, f"{name} value '{text}' is invalid"))
    return int(text)
