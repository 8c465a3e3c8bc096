"""Repeats an operator's alarm in a chat: Slack, or Teams with a workflow that takes webhooks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from dailies.domain.errors import ConfigurationError, DeliveryFailedError
from dailies.domain.ports import Secrets, WebhookPoster
from dailies.observability import logger

_TIMEOUT_S = 10.0
_MAX_CHARS = 3000
_SIGNS = {"ALARM": "🔴", "OK": "🟢", "INSUFFICIENT_DATA": "⚪"}
_HEADERS = {"content-type": "application/json", "user-agent": "Dailies-Alarms/1"}


@dataclass(frozen=True)
class AlertChatPorts:
    """What the chat needs."""

    poster: WebhookPoster
    secrets: Secrets
    secret_name: str


def alert_chat(message: str, ports: AlertChatPorts) -> None:
    """Post an alarm or a parked job, as its SNS topic tells it; nothing where no chat is set up.

    Raises:
        ConfigurationError: the secret names a chat that we do not know.
        DeliveryFailedError: the chat did not take it.
        FetchRefusedError, FetchBrokenError: its address is not public, or does not answer.
    """
    secret = ports.secrets.get(ports.secret_name)
    if not (url := secret.get("url")):
        logger.warning("chat", extra={"code": "no_address"})
        return
    body = json.dumps(_body(secret.get("kind", "slack"), _text(message))).encode()
    status, _ = ports.poster.post(url, _HEADERS, body, _TIMEOUT_S)
    if not 200 <= status < 300:
        raise DeliveryFailedError(f"The chat did not take it ({status}).")


def _text(message: str) -> str:
    """Return what people read: an alarm's name, state and description; or the parked job."""
    told = _told(message)
    detail = cast("dict[str, Any]", told.get("detail") or {})
    if "AlarmName" in told:
        state = str(told.get("NewStateValue", ""))
        lines = [f"{_SIGNS.get(state, '')} {told['AlarmName']}: {state}".strip()]
        if state == "ALARM":
            lines += [str(told.get(k) or "") for k in ("AlarmDescription", "NewStateReason")]
    elif "job_id" in detail:
        lines = [
            f"🔴 Job {detail['job_id']} needs a person. See docs/operating.md#parked-jobs",
            f"State: {detail.get('state', '')}. Charged: {detail.get('charged', '')}.",
        ]
    else:
        lines = ["A message came to an operators' topic that is no alarm."]
    return "\n".join(line for line in lines if line)[:_MAX_CHARS]


def _told(message: str) -> Mapping[str, Any]:
    try:
        told: Any = json.loads(message)
    except ValueError:
        return {}
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}


def _body(kind: str, text: str) -> Mapping[str, Any]:
    if kind == "slack":
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if kind == "teams":
        card = {
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "TextBlock", "text": text, "wrap": True}],
        }
        content_type = "application/vnd.microsoft.card.adaptive"
        return {
            "type": "message",
            "attachments": [{"contentType": content_type, "content": card}],
        }
    raise ConfigurationError("The chat's kind is neither slack nor teams.")
