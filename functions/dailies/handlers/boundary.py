"""The edge between Lambda and the services: log context in, one of three error names out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dailies.domain.errors import ConfigurationError, PipelineError, ProviderThrottledError
from dailies.observability import bind, logger


class LambdaContext(Protocol):
    """The part of Lambda's context object that we use."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left of this invocation."""
        ...


class Throttled(Exception):
    """Come back later."""


class Transient(Exception):
    """Worth another try; from Submit it means that the vendor certainly accepted nothing."""


class Permanent(Exception):
    """No use in trying again."""


def errors_by_name(error: Exception) -> type[Exception]:
    """Return the name by which state machines match an error: ASL knows no inheritance."""
    if isinstance(error, ProviderThrottledError):
        return Throttled
    if isinstance(error, PipelineError) and error.retryable:
        return Transient
    return Permanent


def call(service: Callable[[], Any], event: Mapping[str, Any]) -> Any:
    """Call a service with the event's references on every log line.

    Raises:
        Throttled, Transient, Permanent: whatever it raised, under the name that ASL matches.
    """
    bind(**event)
    try:
        return service()
    except Exception as exc:
        name = errors_by_name(exc)
        code = log_failure(name.__name__, exc)
        raise name(f"{code}: {exc}" if isinstance(exc, PipelineError) else code) from exc


def log_failure(message: str, exc: Exception) -> str:
    """Write down an error as loudly as it matters, and return its code.

    A traceback is for what nobody foresaw. What the deployment lacks is told in words: they name no
    secret.
    """
    if not isinstance(exc, PipelineError):
        code = type(exc).__name__
        logger.error(message, extra={"code": code}, exc_info=exc)
        return code
    if isinstance(exc, ConfigurationError):
        logger.error(message, extra={"code": exc.code, "error": str(exc)})
    else:
        logger.warning(message, extra={"code": exc.code})
    return exc.code


def remaining_s(context: LambdaContext) -> Callable[[], float]:
    """Return a function that tells how many seconds are left of the invocation."""
    return lambda: context.get_remaining_time_in_millis() / 1000
