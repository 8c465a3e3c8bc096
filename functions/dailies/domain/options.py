"""From what a caller asked to what a model is told: defaults filled in, every option allowed.

The API asks before it creates a job, for every route; Submit asks again to build the request.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import product
from typing import Any, TypedDict, Unpack

from dailies.domain.catalogue import Constraint, Input, Mode, ModelSpec, ModeSpec, VendorSpec
from dailies.domain.errors import FieldProblem, InvalidRequestError
from dailies.domain.jobs import JobRequest
from dailies.domain.ports import GenerationRequest, InputMedia, InputVideo

Value = str | int | bool | None


class Media(TypedDict, total=False):
    """The media of a request, by input."""

    image: InputMedia
    last_frame: InputMedia
    video: InputVideo
    references: tuple[InputMedia, ...]


@dataclass(frozen=True)
class ResolvedOptions:
    """A request's options, complete and allowed, without its media."""

    kind: Mode
    model: str
    """The vendor's own model id."""
    prompt: str
    duration_s: int
    resolution: str
    audio: bool
    aspect_ratio: str | None
    """None where it follows the input image."""
    negative_prompt: str | None
    seed: int | None
    inputs: tuple[Input, ...]
    """The media inputs to send."""

    def price_usd(self, model: ModelSpec) -> Decimal:
        """Return what the vendor's list asks for one output, or for what is added to a video."""
        return model.price_usd(
            resolution=self.resolution, audio=self.audio, duration_s=self.duration_s
        )

    def request(self, **media: Unpack[Media]) -> GenerationRequest:
        """Return what an adapter is given; media that `inputs` does not name are left out."""
        sent: dict[str, Any] = {name: one for name, one in media.items() if name in self.inputs}
        return GenerationRequest(
            kind=self.kind,
            model=self.model,
            prompt=self.prompt,
            duration_s=self.duration_s,
            resolution=self.resolution,
            audio=self.audio,
            aspect_ratio=self.aspect_ratio,
            negative_prompt=self.negative_prompt,
            seed=self.seed,
            **sent,
        )


@dataclass(frozen=True)
class _Choice:
    """One value for each option that a model chooses from a list; field names are the job's."""

    resolution: str
    duration_s: int
    aspect_ratio: str | None
    audio: bool


def resolve_options(
    request: JobRequest,
    vendor: VendorSpec,
    model: ModelSpec,
    *,
    pointer: str = "/model",
    today: dt.date | None = None,
) -> tuple[ResolvedOptions, list[str]]:
    """Return the options for one route, and the names of those that were dropped.

    Unset options take the first value of the catalogue's list that fits the others. Options that
    the model does not have at all are dropped only where the request is `lenient`; a value that it
    does not allow is always refused.

    Args:
        request: what the caller asked.
        vendor: the route's vendor.
        model: the route's model.
        pointer: where the request names the model: `/model`, or `/fallbacks/0`.
        today: refuses a model that has retired by then; None leaves that out.

    Raises:
        InvalidRequestError: with one problem per field.
    """
    ref = f"{vendor.vendor}/{model.id}"
    _refuse_if([*_unusable_model(request, model, ref, pointer, today)], ref)
    mode = model.modes[request.kind]
    request, dropped = _without_unknown(request, mode)
    problems = [*_prompt(request, mode, model, ref), *_inputs(request, mode, ref)]
    problems += [*_extras(request, mode, ref), *_values(request, mode, ref)]
    _refuse_if(problems, ref)
    return _resolved(request, model, mode, _choose(request, mode, ref)), dropped


def _resolved(
    request: JobRequest, model: ModelSpec, mode: ModeSpec, choice: _Choice
) -> ResolvedOptions:
    return ResolvedOptions(
        kind=request.kind,
        model=model.id,
        prompt=request.prompt,
        duration_s=choice.duration_s,
        resolution=choice.resolution,
        audio=choice.audio,
        aspect_ratio=choice.aspect_ratio,
        negative_prompt=request.negative_prompt or None,
        seed=request.seed,
        inputs=tuple(name for name in mode.inputs if name in request.inputs()),
    )


def _refuse_if(problems: list[FieldProblem], ref: str) -> None:
    if problems:
        raise InvalidRequestError(
            f"{ref} cannot make what was asked.",
            tuple(problems),
            hint="GET /v1/models lists what each model can do.",
        )


def _unusable_model(
    request: JobRequest, model: ModelSpec, ref: str, pointer: str, today: dt.date | None
) -> Iterator[FieldProblem]:
    if request.kind not in model.modes:
        can = ", ".join(model.modes)
        yield FieldProblem("/kind", f"{ref} cannot do {request.kind}; it can do: {can}.")
    if today is not None and model.lifecycle.retired(today):
        instead = model.lifecycle.replacement
        hint = f" Use {instead}." if instead else ""
        yield FieldProblem(pointer, f"{ref} retired on {model.lifecycle.retires_on}.{hint}")


def _without_unknown(request: JobRequest, mode: ModeSpec) -> tuple[JobRequest, list[str]]:
    """Return the request without the options that the mode does not have, and their names."""
    if not request.lenient:
        return request, []
    unknown = {
        "negative_prompt": not mode.negative_prompt,
        "seed": not mode.seed,
        "aspect_ratio": not mode.aspect_ratios,
        Input.LAST_FRAME: Input.LAST_FRAME not in mode.inputs and Input.IMAGE in mode.inputs,
        Input.REFERENCES: Input.REFERENCES not in mode.inputs,
        "audio": len(mode.audio) == 1 and request.audio != mode.audio[0],
    }
    dropped = [str(name) for name, gone in unknown.items() if gone and _given(request, name)]
    known = JobRequest.model_fields
    unset = {name: known[name].get_default(call_default_factory=True) for name in dropped}
    return request.model_copy(update=unset), dropped


def _prompt(
    request: JobRequest, mode: ModeSpec, model: ModelSpec, ref: str
) -> Iterator[FieldProblem]:
    if mode.prompt == "required" and not request.prompt.strip():
        yield FieldProblem("/prompt", f"{ref} needs a prompt.")
    for name in ("prompt", "negative_prompt"):
        if len(getattr(request, name) or "") > model.prompt_max_chars:
            limit = model.prompt_max_chars
            yield FieldProblem(f"/{name}", f"{ref} takes at most {limit} characters.")


def _inputs(request: JobRequest, mode: ModeSpec, ref: str) -> Iterator[FieldProblem]:
    given_inputs = request.inputs()
    for name in Input:
        given = name in given_inputs
        if given and name not in mode.inputs:
            yield FieldProblem(f"/{name}", f"{ref} takes no {name} for {request.kind}.")
        if not given and mode.inputs.get(name) == "required":
            yield FieldProblem(f"/{name}", f"{ref} needs an asset here for {request.kind}.")


def _extras(request: JobRequest, mode: ModeSpec, ref: str) -> Iterator[FieldProblem]:
    if request.negative_prompt and not mode.negative_prompt:
        yield FieldProblem("/negative_prompt", f"{ref} takes no negative prompt.")
    if request.seed is not None and not mode.seed:
        yield FieldProblem("/seed", f"{ref} takes no seed.")


def _values(request: JobRequest, mode: ModeSpec, ref: str) -> Iterator[FieldProblem]:
    for name, allowed in _lists(mode).items():
        value = getattr(request, name)
        if value is None or value in allowed:
            continue
        if not allowed:
            yield FieldProblem(f"/{name}", f"{ref} takes no {name} for {request.kind}.")
        else:
            listed = ", ".join(_shown(v) for v in allowed)
            yield FieldProblem(f"/{name}", f"{ref} allows: {listed}.")


def _lists(mode: ModeSpec) -> dict[str, list[Any]]:
    return {
        "resolution": mode.resolutions,
        "duration_s": mode.durations_s,
        "aspect_ratio": mode.aspect_ratios,
        "audio": mode.audio,
    }


def _choose(request: JobRequest, mode: ModeSpec, ref: str) -> _Choice:
    """Return the first combination that holds what the caller set and breaks no constraint."""
    lists: list[list[Any]] = []
    for name, allowed in _lists(mode).items():
        asked = getattr(request, name)
        lists.append([asked] if asked is not None else (allowed or [None]))
    first: list[FieldProblem] | None = None
    for values in product(*lists):
        choice = _Choice(*values)
        problems = [*_broken(choice, request, mode)]
        if not problems:
            return choice
        first = first or problems
    raise InvalidRequestError(
        f"{ref} cannot make what was asked.",
        tuple(first or ()),
        hint="GET /v1/models lists what each model can do.",
    )


def _broken(choice: _Choice, request: JobRequest, mode: ModeSpec) -> Iterator[FieldProblem]:
    facts: dict[str, Value] = {f.name: getattr(choice, f.name) for f in fields(choice)}
    facts |= {name: _given(request, name) for name in (*Input, "seed")}
    for rule in mode.constraints:
        applies = all(facts.get(name) == value for name, value in rule.when.items())
        if applies and any(facts.get(name) not in allowed for name, allowed in rule.then.items()):
            yield FieldProblem(f"/{_blamed(rule, request)}", rule.reason)


def _blamed(rule: Constraint, request: JobRequest) -> str:
    """Return the field to point at: one that the caller set, rather one that the rule limits."""
    names = [*rule.then, *rule.when]
    return next((n for n in names if _given(request, n)), names[0])


def _given(request: JobRequest, name: str) -> bool:
    return getattr(request, name, None) not in (None, [])


def _shown(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
