"""What an operation of the API is: one declaration that routes, checks and documents requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from dailies.bootstrap import ApiPorts
from dailies.domain.ids import ASSET_ID, JOB_ID
from dailies.handlers.api.answer import Answer
from dailies.services.share_asset import TOKEN

Q = TypeVar("Q", bound=BaseModel)
H = TypeVar("H", bound=BaseModel)
B = TypeVar("B", bound=BaseModel | None)


class Document(BaseModel):
    """Any JSON object: the body of an answer that describes itself."""

    model_config = ConfigDict(extra="allow")


class Parameters(BaseModel):
    """Query parameters or headers of an operation. Headers are named by alias."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Call(Generic[Q, H, B]):
    """A request that has passed every check of its operation."""

    tenant: str
    """Empty on a public route."""
    path: dict[str, str]
    query: Q
    headers: H
    body: B
    trace_id: str


@dataclass(frozen=True)
class PathParameter:
    """A part of a path that names something; a value that cannot be such a name is a 404."""

    pattern: re.Pattern[str]
    description: str
    example: str


PATH_PARAMETERS = {
    "job_id": PathParameter(JOB_ID, "A job.", "job_01K3Z5N8Q4T7W2X9Y6V1B0C3D5"),
    "asset_id": PathParameter(ASSET_ID, "An asset.", "ast_01K3Z5N8Q4T7W2X9Y6V1B0C3D5"),
    "token": PathParameter(
        TOKEN, "The link's token.", "q7hXo2mN5vB8cK1zR4tY6uW9eA3sD0fGjLpQxZyTwVE"
    ),
}


@dataclass(frozen=True)
class Success:
    """An answer that is not a problem."""

    status: int
    description: str
    body: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    """Names of `openapi.HEADERS`."""
    leads_to: str = ""
    """The member of the body that is a path parameter of other operations."""


@dataclass(frozen=True)
class Operation(Generic[Q, H, B]):
    """One method of one path."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    run: Callable[[Call[Q, H, B], ApiPorts], Answer]
    successes: tuple[Success, ...]
    query: type[Q]
    headers: type[H]
    body: type[B] | None = None
    body_optional: bool = False
    """Whether a request without a body stands for the body's defaults."""
    example: dict[str, Any] | None = None
    """A body that is accepted."""
    problems: tuple[int, ...] = ()
    """Statuses of problems beside those that every operation may answer."""
    public: bool = False
    """No API key needed."""
    spends: bool = False
    """Whether it may lead to a vendor's charge."""
    any_query: bool = False
    """Whether unknown query parameters are ignored: a link in an e-mail may collect some."""
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        object.__setattr__(self, "pattern", re.compile(pattern))


AnyOperation = Operation[Any, Any, Any]
