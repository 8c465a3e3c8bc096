"""The vendor that a stage simulates in its own account, on a laptop: the same wire, and faults.

What it says is said by the deployed function's own code; only here it remembers what it was asked.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any, ClassVar

from infra.assets.simulator.simulated_vendor import Answer, SealedTasks, document, refusal
from infra.assets.simulator.simulated_vendor import Task as SealedTask
from local.simulators.clips import FPS
from local.simulators.director import Subject
from local.simulators.scenario import HttpError, Moderation, Occasion, Throttle
from local.simulators.server import Request, Response
from local.simulators.serving import serve_bytes
from local.simulators.state import Task
from local.simulators.vendor import Ports, Refused, VendorSimulator, World


class SimulatedVendorSimulator(VendorSimulator):
    """Tasks, and their results on the same port."""

    name: ClassVar[str] = "simulator"

    def __init__(self, world: World, ports: Ports) -> None:
        """Bind the ports and make up a key."""
        super().__init__(world, ports)
        self.credentials = world.shelf.keep("simulator-keys", _new_credentials)
        self._sealed = SealedTasks(self.credentials["api_key"])
        self.api.add("POST", "/v1/tasks", self.submit(self._create))
        self.api.add("GET", "/v1/tasks/{id}", self.call(self._show))
        self.api.add("GET", "/v1/results/{id}.mp4", self.call(self._download))

    def not_found(self, request: Request) -> Response:
        """Answer a path that the API does not have."""
        return _sent(refusal(404, "not_found"))

    def file_not_found(self, request: Request) -> Response:
        """Answer on the port that this vendor has no use for."""
        return Response(404)

    def throttled(self, fault: Throttle, on: Occasion) -> Response:
        """Return 429."""
        answer = _sent(refusal(429, "too_many_requests"))
        wait = fault.retry_after_s
        return (
            answer
            if wait is None
            else replace(answer, headers=answer.headers | {"Retry-After": f"{wait:g}"})
        )

    def failed(self, fault: HttpError) -> Response:
        """Return an error of the wanted status."""
        return _sent(refusal(fault.status, "error", fault.message or ""))

    def blocked(self, fault: Moderation) -> Response:
        """Return the refusal of a prompt."""
        return _sent(refusal(422, "content_refused", fault.message or ""))

    def status(self, task: Task, now: float) -> str:
        """Return the vendor's word for a task's state."""
        return task.ending.kind if task.done(now) else "running"

    def _authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.credentials['api_key']}":
            raise Refused(_sent(refusal(401, "bad_key")))

    def _create(self, request: Request) -> Response:
        self._authorize(request)
        asked = request.json()
        subject = Subject(asked["model"], asked["prompt"], asked["external_id"])
        fault = self.world.director.fault(self.name, "submit", subject)
        self.before(fault, "submit")
        task = self.store.add(self._task(asked, subject))
        return self.after(fault, _sent(document(201, self._view(task))))

    def _task(self, asked: dict[str, Any], subject: Subject) -> Task:
        model = self.spec.model(asked["model"])
        if model is None:
            raise Refused(_sent(refusal(404, "no_such_model")))
        sealed = SealedTask(
            created_at=self.world.clock.now(),
            duration_s=self.duration_s(model.id, subject),
        )
        (price,) = model.prices
        return Task(
            id=self._sealed.seal(sealed),
            model=model.id,
            mode="text_to_video",
            prompt=asked["prompt"],
            external_id=asked["external_id"],
            created_at=sealed.created_at,
            duration_s=sealed.duration_s,
            ending=self.ending(subject, blocked_message="A celebrity"),
            resolution=price.resolution,
            aspect_ratio="16:9",
            video_s=asked["duration_s"],
            audio=False,
            cost_usd=str(price.usd_per_s * asked["duration_s"]),
        )

    def _show(self, request: Request) -> Response:
        self.store.count("poll")
        self._authorize(request)
        task = self._known(request)
        subject = Subject(task.model, task.prompt, task.external_id)
        fault = self.world.director.fault(self.name, "poll", subject)
        self.before(fault, "poll")
        return self.after(fault, _sent(document(200, self._view(task))))

    def _view(self, task: Task) -> dict[str, Any]:
        told = SealedTask(task.created_at, task.duration_s, task.ending.kind, task.ending.message)
        return self._sealed.view(task.id, told, self.world.clock.now())

    def _download(self, request: Request) -> Response:
        self.store.count("download")
        task, now = self._known(request), self.world.clock.now()
        query = {name: values[0] for name, values in request.query.items()}
        if not self._sealed.may_fetch(task.id, query, now):
            raise Refused(_sent(refusal(403, "bad_signature")))
        subject = Subject(task.model, task.prompt, task.external_id)
        fault = self.world.director.fault(self.name, "download", subject)
        self.before(fault, "download")
        clip = self.world.studio.clip(self.clip_spec(task, frames=task.video_s * FPS))
        answer = serve_bytes(request, clip, modified_at=task.ends_at, headers={}, fault=fault)
        return self.after(fault, answer)

    def _known(self, request: Request) -> Task:
        task = self.store.get(request.params["id"])
        if task is None:
            raise Refused(_sent(refusal(404, "not_found")))
        return task


def _sent(answer: Answer) -> Response:
    return Response(answer.status, dict(answer.headers), answer.body)


def _new_credentials() -> dict[str, str]:
    return {"api_key": secrets.token_urlsafe(32)}
