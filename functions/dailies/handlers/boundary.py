"""The edge between Lambda and the services: log context in, one of three error names out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dailies.domain.errors import PipelineError, ProviderThrottledError
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
        code = exc.code if isinstance(exc, PipelineError) else type(exc).__name__
        logger.error(name.__name__, extra={"code": code}, exc_info=name is Permanent)
        raise name(f"{code}: {exc}" if isinstance(exc, PipelineError) else code) from exc


def remaining_s(context: LambdaContext) -> Callable[[], float]:
    """Return a function that tells how many seconds are left of the invocation."""
    return lambda: context.get_remaining_time_in_millis() / 1000
