"""Kling's CDN: results behind signed, expiring URLs, on another origin and without a key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from local.simulators.director import Subject
from local.simulators.kling_wire import clip_frames
from local.simulators.scenario import ChangeContent, ExpireUrl
from local.simulators.server import Request, Response
from local.simulators.serving import serve_bytes
from local.simulators.state import Task

if TYPE_CHECKING:
    from local.simulators.kling import KlingSimulator

PLAIN, WATERMARKED = "video.mp4", "video_watermark.mp4"


class KlingCdn:
    """Signs URLs and serves what they lead to."""

    def __init__(self, kling: KlingSimulator) -> None:
        """Serve the results of `kling` on its port for files."""
        self._kling = kling
        self._key = bytes.fromhex(kling.world.shelf.keep("kling-cdn", _new_key))
        for method in ("GET", "HEAD"):
            kling.files.add(method, "/results/{task_id}/{file}", kling.call(self._download))

    def url(self, task: Task, file: str) -> str:
        """Return the signed URL of a task's result."""
        lifetime_s = self._kling.world.director.scenario.kling.url_lifetime_s
        expires = str(int(task.ends_at + lifetime_s))
        path = f"/results/{task.id}/{file}"
        signature = self._signature(path, expires)
        return f"{self._kling.files_url}{path}?x-expires={expires}&x-signature={signature}"

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()

    def _download(self, request: Request) -> Response:
        kling = self._kling
        kling.store.count("download")
        if "authorization" in request.headers:
            kling.store.count("leaked_key")
            return _refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
        expires = request.arg("x-expires") or ""
        signature = request.arg("x-signature") or ""
        if not hmac.compare_digest(signature, self._signature(request.path, expires)):
            return _refusal(403, "SignatureDoesNotMatch", "The request signature does not match")
        task, now = kling.store.get(request.params["task_id"]), kling.world.clock.now()
        if task is None or kling.status(task, now) != "succeeded":
            return kling.file_not_found(request)
        subject = Subject(task.model, task.prompt, task.external_id)
        fault = kling.world.director.fault("kling", "download", subject)
        kling.before(fault, "download")
        if isinstance(fault, ExpireUrl) or now > int(expires):
            return _refusal(403, "AccessDenied", "Request has expired")
        content = self._content(task, request.params["file"], isinstance(fault, ChangeContent))
        response = serve_bytes(request, content, modified_at=task.ends_at, headers={}, fault=fault)
        return kling.after(fault, response)

    def _content(self, task: Task, file: str, changed: bool) -> bytes:
        spec = self._kling.clip_spec(
            task, frames=clip_frames(task), sample=int(changed), watermark=file == WATERMARKED
        )
        return self._kling.world.studio.clip(spec)


def _refusal(status: int, code: str, message: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Response(status, {"Content-Type": "application/xml"}, body.encode())


def _new_key() -> str:
    return secrets.token_hex(32)
