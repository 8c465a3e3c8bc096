"""What the Interactions API shows of a task, on whichever of Google's two surfaces it is asked."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from local.simulators.clock import rfc3339
from local.simulators.server import Response, json_response
from local.simulators.state import Ending, Task

_IN_PROGRESS_AFTER = 0.05
"""A task leaves the queue after this part of its time."""
WITHHELD = "I can't generate this video. It may go against the usage guidelines."
NOT_RUNNING = "The interaction is not running."


def status_word(task: Task, now: float) -> str:
    """Return the vendor's word for a task's state."""
    if not task.done(now):
        begun = now >= task.created_at + _IN_PROGRESS_AFTER * task.duration_s
        return "in_progress" if begun else "queued"
    return {"failed": "failed", "canceled": "cancelled"}.get(task.ending.kind, "completed")


def interaction_document(
    task: Task, now: float, *, video: Callable[[], dict[str, str]], token_usd: Decimal
) -> dict[str, Any]:
    """Return a task as the API shows it; `video` makes what leads to the result."""
    status = status_word(task, now)
    document: dict[str, Any] = {
        "id": task.id,
        "object": "interaction",
        "model": task.model,
        "status": status,
        "created": rfc3339(task.created_at),
        "updated": rfc3339(min(now, task.ends_at)),
    }
    if status == "failed":
        code = "invalid_request" if task.ending.code == 3 else "internal"
        document["error"] = {"code": code, "message": task.ending.message}
    if status == "completed":
        blocked = task.ending.kind == "blocked"
        text = {"type": "text", "text": task.ending.message}
        block = text if blocked else {"type": "video", "mime_type": "video/mp4"} | video()
        document["steps"] = [{"type": "model_output", "content": [block]}]
        tokens = 24 if blocked else int(Decimal(task.cost_usd) / token_usd)
        row = {"modality": "text" if blocked else "video", "tokens": tokens}
        document["usage"] = {"total_output_tokens": tokens, "output_tokens_by_modality": [row]}
    return document


def cancel_task(task: Task, now: float) -> None:
    """End a task that runs."""
    task.ending, task.duration_s = Ending(kind="canceled"), now - task.created_at


def interaction_error(status: int, code: str, message: str) -> Response:
    """Return an error as the API itself writes it: its code is a word."""
    return json_response(status, {"error": {"code": code, "message": message}})


def unknown_id() -> Response:
    """Return what is said of an id that there is not: 400, not 404."""
    return interaction_error(400, "invalid_request", "Invalid interaction name.")
