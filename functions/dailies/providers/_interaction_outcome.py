"""What Google's Interactions API says of an interaction, read into our outcomes.

Quirk: what safety withholds is `completed`, with a text in place of the video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from dailies.domain.outcomes import (
    BilledAmount,
    Blocked,
    Failed,
    FailureCode,
    Output,
    Pending,
    PollOutcome,
    Succeeded,
)
from dailies.providers._google_problems import GoogleProblem, classes_of
from dailies.providers._replies import (
    Identifier,
    LooseModel,
    Text,
    as_int,
    as_list,
    as_object,
    as_objects,
    as_text,
    tidy,
)

_STUCK = frozenset({"requires_action", "requires_continuation"})
"""Waits for an answer that nobody here gives: not an end, and worth a warning."""
_CANCELLED, _INVALID_ARGUMENT = 1, 3  # google.rpc.Code
_BAD_INPUT = frozenset({"invalid_request", "invalid_argument", "invalid_input"})
_MOST_TOKENS = 10**9
"""More is junk, and no bill: a charge of it would be more than the ledger can hold."""

Items = Annotated[list[Any], BeforeValidator(as_list)]
"""Kept whole: a result's path counts every item."""


class Interaction(LooseModel):
    """An interaction, as far as we read it."""

    id: Identifier = ""
    status: Text = ""
    steps: Items = Field(default_factory=list[Any])
    usage: Any = None


def outcome_of(
    document: dict[str, Any],
    interaction_id: str,
    usable: Callable[[str], bool],
    *,
    token_usd: Decimal | None,
    secrets: tuple[str, ...] = (),
) -> PollOutcome:
    """Return how an interaction is. `usable` tells whether a result's address can be fetched."""
    interaction = Interaction.model_validate(document)
    status = interaction.status
    if status in ("queued", "in_progress"):
        return Pending(started=status == "in_progress")
    if status in _STUCK:
        return Pending(unknown_status=status)
    billed = _billed(interaction.usage, token_usd)
    if status == "completed":
        outputs = _outputs(interaction, interaction_id, usable)
        if outputs:
            return Succeeded(outputs=outputs, billed=billed)
        return _without_video(interaction, billed, secrets)
    if status == "failed":
        return _failed(document, interaction, billed, secrets)
    messages = {
        "cancelled": (FailureCode.CANCELED, "The interaction was cancelled."),
        "incomplete": (FailureCode.VENDOR_FAILED, "The interaction ended before it was complete."),
        "budget_exceeded": (FailureCode.VENDOR_FAILED, "The interaction's budget was used up."),
    }
    if status not in messages:
        return Pending(unknown_status=tidy(status, *secrets) or "(none)")
    code, message = messages[status]
    return Failed(code=code, message=message, vendor_code=status, billed=billed)


def _outputs(
    interaction: Interaction, interaction_id: str, usable: Callable[[str], bool]
) -> list[Output]:
    found = [
        _output(path, block, interaction_id, usable)
        for path, block in _blocks(interaction)
        if block.get("type") == "video"
    ]
    return [output for output in found if output is not None]


def _without_video(
    interaction: Interaction, billed: BilledAmount | None, secrets: tuple[str, ...]
) -> PollOutcome:
    said = [as_text(b.get("text")) for _, b in _blocks(interaction) if b.get("type") == "text"]
    text = tidy(" ".join(filter(None, said)), *secrets)
    if text:
        return Blocked(reasons=[text], billed=billed)
    message = "The interaction completed without a video."
    return Failed(code=FailureCode.RESULT_MISSING, message=message, billed=billed)


def _blocks(interaction: Interaction) -> Iterator[tuple[list[str | int], dict[str, Any]]]:
    """Yield the model's content blocks, each with its path in the document."""
    for i, step in enumerate(map(as_object, interaction.steps)):
        if step.get("type") != "model_output":
            continue
        for j, block in enumerate(as_list(step.get("content"))):
            yield ["steps", i, "content", j], as_object(block)


def _output(
    path: list[str | int], block: dict[str, Any], interaction_id: str, usable: Callable[[str], bool]
) -> Output | None:
    content_type = as_text(block.get("mime_type")) or "video/mp4"
    uri = as_text(block.get("uri"))
    if uri and usable(uri):
        return Output(content_type=content_type, data={"uri": uri})
    if as_text(block.get("data")):
        data = {"interaction": interaction_id, "path": [*path, "data"]}
        return Output(content_type=content_type, data=data)
    return None


def _failed(
    document: dict[str, Any],
    interaction: Interaction,
    billed: BilledAmount | None,
    secrets: tuple[str, ...],
) -> PollOutcome:
    problem = _problem(document, interaction)
    message = tidy(problem.message, *secrets) or "The interaction failed."
    word = tidy(problem.word, *secrets)
    if problem.about_safety:
        reasons = [message, *classes_of(problem.support_codes)]
        return Blocked(reasons=reasons, vendor_code=word, billed=billed)
    code = FailureCode.VENDOR_FAILED
    if problem.number == _INVALID_ARGUMENT or problem.word.lower() in _BAD_INPUT:
        code = FailureCode.INPUT_REJECTED
    if problem.number == _CANCELLED:
        code = FailureCode.CANCELED
    return Failed(code=code, message=message, vendor_code=word, billed=billed)


def _problem(document: dict[str, Any], interaction: Interaction) -> GoogleProblem:
    """Return the first error that says something: the interaction's, a listed one, or a step's."""
    found = [document.get("error"), *as_objects(document.get("errors"))]
    found += [as_object(step).get("error") for step in interaction.steps]
    problems = [GoogleProblem.model_validate(as_object(one)) for one in found]
    return next((p for p in problems if p.message or p.word), GoogleProblem())


def _billed(usage: Any, token_usd: Decimal | None) -> BilledAmount | None:
    """Return the video tokens that were made; None where the reply does not tell."""
    rows = as_objects(as_object(usage).get("output_tokens_by_modality"))
    made = [row for row in rows if as_text(row.get("modality")).lower() == "video"]
    counts = [as_int(row.get("tokens")) for row in made]
    tokens = sum(count for count in counts if count is not None and count > 0)
    if not 0 < tokens <= _MOST_TOKENS:
        return None
    usd = token_usd * tokens if token_usd is not None else None
    return BilledAmount(amount=Decimal(tokens), unit="video_token", amount_usd=usd)
