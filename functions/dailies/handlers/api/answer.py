"""An HTTP answer, and how API Gateway wants it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    content_type: str = "application/json"

    def as_event(self) -> dict[str, Any]:
        """Return it in payload format 2.0."""
        headers = {**_ALWAYS, **self.headers}
        if self.body is not None:
            headers["Content-Type"] = self.content_type
        return {
            "statusCode": int(self.status),
            "headers": headers,
            "body": self.body or "",
            "isBase64Encoded": False,
        }


def json_answer(status: int, view: BaseModel, headers: dict[str, str] | None = None) -> Answer:
    """Return an answer whose body is a view."""
    return Answer(status=status, body=view.model_dump_json(), headers=headers or {})


def entity_tag(body: str) -> str:
    """Return the strong entity tag of a body: equal bytes, equal tag."""
    return f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'


def entity_tags(if_none_match: str | None) -> frozenset[str]:
    """Return the tags in an `If-None-Match` header, compared weakly (RFC 9110 §13.1.2)."""
    tags = (tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(","))
    return frozenset(tag for tag in tags if tag)
