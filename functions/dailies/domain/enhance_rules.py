"""Which enhancements can be carried out at all: asked before a job is created."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dailies.domain.catalogue import Mode
from dailies.domain.compute_prices import ComputePrices
from dailies.domain.errors import FieldProblem, InvalidRequestError
from dailies.domain.jobs import JobRequest

FOR_ENHANCE: Final = frozenset({"kind", "video", "enhance", "deadline_s", "notify", "metadata"})
"""Members of a job of kind `enhance`; the others tell a vendor what to make."""


def refuse_enhancement(request: JobRequest, prices: ComputePrices) -> None:
    """Return where the enhancement that is asked for, if any, can be carried out.

    Raises:
        InvalidRequestError: with one problem per field.
    """
    problems = [*_problems(request, prices)]
    if problems:
        raise InvalidRequestError(
            "The enhancement cannot be done as asked.",
            tuple(problems),
            hint="See the schema of `enhance` in the API's document.",
        )


def _problems(request: JobRequest, prices: ComputePrices) -> Iterator[FieldProblem]:
    if request.kind is Mode.ENHANCE:
        yield from _alone(request)
    if request.enhance is not None:
        for pointer, detail in request.enhance.problems(prices.nets):
            yield FieldProblem(f"/enhance{pointer}", detail)


def _alone(request: JobRequest) -> Iterator[FieldProblem]:
    if request.video is None:
        yield FieldProblem("/video", "A job of kind enhance needs the video to enhance.")
    if request.enhance is not None and request.enhance.on_failure == "deliver":
        detail = "A job of kind enhance has nothing else to deliver: leave this out."
        yield FieldProblem("/enhance/on_failure", detail)
    for name, info in JobRequest.model_fields.items():
        left_out = info.get_default(call_default_factory=True)
        if name not in FOR_ENHANCE and getattr(request, name) != left_out:
            yield FieldProblem(f"/{name}", "A job of kind enhance asks no vendor: leave this out.")
