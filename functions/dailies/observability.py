"""Structured logs. Only allow-listed fields go out: no prompt, URL, secret or vendor reply."""

from __future__ import annotations

from typing import Final

from aws_lambda_powertools import Logger

from dailies.domain.attempts import Attempt

FIELDS: Final = frozenset(
    {
        "attempt",
        "code",
        "error",
        "event_id",
        "job_id",
        "model",
        "outcome",
        "route",
        "run",
        "sink",
        "status",
        "step",
        "tenant",
        "trace_id",
        "vendor",
    }
)
"""What a log line may say beside its message."""

logger = Logger(service="dailies", log_uncaught_exceptions=False)


def bind(**fields: object) -> None:
    """Put fields on every line of this invocation, and take the last invocation's away."""
    logger.structure_logs(append=False)
    logger.append_keys(**{k: v for k, v in fields.items() if k in FIELDS})


def warn_of_vendor(code: str, attempt: Attempt) -> None:
    """Say that a vendor answered something odd: a word we do not know, or nothing at all."""
    logger.warning(
        "vendor",
        extra={
            "code": code,
            "vendor": attempt.vendor,
            "model": attempt.model,
            "job_id": attempt.job_id,
            "attempt": attempt.number,
        },
    )
