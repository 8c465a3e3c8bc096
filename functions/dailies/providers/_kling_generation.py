"""What the two generations of Kling's API differ in: paths, bodies and rows. No client in here."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from dailies.domain.catalogue import ModelSpec
from dailies.domain.outcomes import Handle
from dailies.domain.ports import AttemptRef, GenerationRequest, InputMedia
from dailies.providers._kling_tasks import KlingTask


@dataclass(frozen=True)
class Question:
    """A query for one task."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    product: str = ""
    """Which of a generation's products it asks, where there are several."""


@dataclass(frozen=True)
class Order:
    """A create request."""

    path: str
    body: dict[str, Any]
    product: str = ""


class Generation(Protocol):
    """One generation of the API. A handle that it made is polled by it for ever."""

    name: str
    """Stands in handles and in the catalogue (`wire.generation`): never rename it."""
    versions: frozenset[int]
    """The versions of its handles that are still read."""
    takes_tokens: bool
    """Whether an access key with its secret key opens it."""

    def order(
        self, request: GenerationRequest, attempt: AttemptRef, wire: Mapping[str, Any]
    ) -> Order:
        """Return the create request.

        Raises:
            UnusableVideoError: the video to go on from has no name at the vendor.
            StorageError: an input could not be read.
        """
        ...

    def handle(self, task_id: str, product: str) -> Handle:
        """Return what finds the task again."""
        ...

    def by_id(self, handle: Handle) -> Question:
        """Return the query for a handle's task."""
        ...

    def by_external_id(self, external_id: str, model: ModelSpec | None) -> list[Question]:
        """Return the queries among which a task under our own id is found, if there is one."""
        ...

    def task(self, row: Mapping[str, Any], unit_usd: Decimal | None) -> KlingTask:
        """Return the task that a row tells of; absent where it is none of this generation's."""
        ...


class UnusableVideoError(Exception):
    """The video to go on from has no name at the vendor."""


def image_value(image: InputMedia) -> str:
    """Return an image as both generations take it: its address, or its bytes as plain Base64.

    An address without TLS is a laptop's: the vendor could not fetch from there.
    """
    if image.url.startswith("https://"):
        return image.url
    return base64.b64encode(image.read()).decode()
