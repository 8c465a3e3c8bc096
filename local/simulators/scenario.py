"""The scenario: what goes wrong, when, and how often. The README beside this file shows all of it.

Rules are tried in order. A rule applies to the occasions (`on`) that its `match` describes, from
the `nth` of them on, `times` times.
Every number of seconds in a scenario is real: it is not divided by the simulators' speed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Occasion = Literal["submit", "finish", "poll", "lookup", "download", "callback", "token"]
When = Literal["before", "after"]
_CALLS: frozenset[str] = frozenset({"submit", "poll", "lookup", "download", "token"})
_OUTCOME: frozenset[str] = frozenset({"submit", "finish"})


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Action(_Model):
    """One thing a vendor can do wrong."""

    ON: ClassVar[frozenset[str]] = _CALLS


class Throttle(Action):
    """Refuse with 429. Nothing is created."""

    kind: Literal["throttle"]
    code: int | None = None
    """Kling: 1302 or 1303 (default: 1303 on submit, else 1302)."""
    retry_after_s: float | None = None


class HttpError(Action):
    """Answer with an error status; `after` means that the task was accepted all the same."""

    kind: Literal["http_error"]
    status: int = Field(ge=400, le=599)
    code: int | str | None = None
    """Kling: the envelope's code; Google: the status word. Default: by the HTTP status."""
    message: str | None = None
    retry_after_s: float | None = None
    when: When = "before"


class Drop(Action):
    """Close the socket without an answer."""

    kind: Literal["drop"]
    when: When = "after"


class Hang(Action):
    """Keep the caller waiting, then answer."""

    kind: Literal["hang"]
    seconds: float = Field(gt=0)
    when: When = "after"
    """Whether the task exists while the caller waits."""


class Moderation(Action):
    """Block the content: `before` refuses the submit, `after` ends the accepted task."""

    ON = _OUTCOME
    kind: Literal["moderation"]
    when: When = "after"
    message: str | None = None


class Fail(Action):
    """End the task as failed."""

    ON = _OUTCOME
    kind: Literal["fail"]
    message: str = "Internal error, please try again later."
    code: int = 13
    """Google: the google.rpc code of the operation's error."""


class Duration(Action):
    """Fix how long the task takes."""

    ON = _OUTCOME
    kind: Literal["duration"]
    seconds: float = Field(ge=0)


class PartialRai(Action):
    """Google: withhold some of the videos of an operation."""

    ON = _OUTCOME
    kind: Literal["partial_rai"]
    filtered: int = Field(default=1, ge=1)
    message: str | None = None


class UnknownStatus(Action):
    """Report a status word that no document names."""

    ON = frozenset({"poll", "lookup"})
    kind: Literal["unknown_status"]
    word: str = "paused"


class Missing(Action):
    """Leave the task out of the answer, as if it were not known yet."""

    ON = frozenset({"poll", "lookup"})
    kind: Literal["missing"]


class ExpireUrl(Action):
    """Refuse the result's URL as expired."""

    ON = frozenset({"download"})
    kind: Literal["expire_url"]


class Truncate(Action):
    """Close the connection after so many bytes."""

    ON = frozenset({"download"})
    kind: Literal["truncate"]
    after_bytes: int = Field(ge=0)


class Slow(Action):
    """Send the result slowly."""

    ON = frozenset({"download"})
    kind: Literal["slow"]
    bytes_per_s: int = Field(gt=0)


class NoRange(Action):
    """Ignore the Range header and send everything."""

    ON = frozenset({"download"})
    kind: Literal["no_range"]


class ChangeContent(Action):
    """Send other bytes under another entity tag, as when a result is made anew."""

    ON = frozenset({"download"})
    kind: Literal["change_content"]


class WrongContent(Action):
    """Send a web page with status 200 instead of the video."""

    ON = frozenset({"download"})
    kind: Literal["wrong_content"]


class CallbackAction(Action):
    """What happens to the callbacks of one task; one task uses a rule up, not one callback."""

    ON = frozenset({"callback"})
    status: Literal["submitted", "processing", "succeeded", "failed"] | None = None
    """Only this status change; None means every one."""


class NoCallback(CallbackAction):
    """Never send it."""

    kind: Literal["never"]


class LateCallback(CallbackAction):
    """Send it late."""

    kind: Literal["late"]
    seconds: float = Field(gt=0)


class DuplicateCallback(CallbackAction):
    """Send it several times more, under the same webhook-id."""

    kind: Literal["duplicate"]
    count: int = Field(default=1, ge=1)


class UnsignedCallback(CallbackAction):
    """Send it without signature headers."""

    kind: Literal["unsigned"]


class ForgedCallback(CallbackAction):
    """Let a stranger send one more callback, signed with a wrong secret, that claims success."""

    kind: Literal["forged"]
    after_s: float = Field(default=0, ge=0)


AnyAction = Annotated[
    Throttle
    | HttpError
    | Drop
    | Hang
    | Moderation
    | Fail
    | Duration
    | PartialRai
    | UnknownStatus
    | Missing
    | ExpireUrl
    | Truncate
    | Slow
    | NoRange
    | ChangeContent
    | WrongContent
    | NoCallback
    | LateCallback
    | DuplicateCallback
    | UnsignedCallback
    | ForgedCallback,
    Field(discriminator="kind"),
]


class Match(_Model):
    """Which occasions a rule is for; what is left out matches everything."""

    model: str | None = None
    prompt_contains: str | None = None
    external_id: str | None = None
    """Found within the external task id (Kling) or the storage prefix (Google)."""
    nth: int = Field(default=1, ge=1)
    """The rule begins with the nth occasion that fits the rest."""


class Rule(_Model):
    """One line of a scenario."""

    vendor: str | None = None
    match: Match = Match()
    on: Occasion
    do: AnyAction
    times: int | None = Field(default=1, ge=1)
    """How often it applies; null means always."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.on not in self.do.ON:
            raise ValueError(
                f"'{self.do.kind}' cannot be done on '{self.on}';"
                f" possible: {', '.join(sorted(self.do.ON))}"
            )
        return self


class KlingAccount(_Model):
    """The simulated Kling account."""

    concurrency: int | None = None
    """Parallel tasks per model; null takes the catalogue's number."""
    balance_usd: float | None = None
    """What the resource pack is worth; null never ends."""
    url_lifetime_s: float = 30 * 24 * 3600
    signs_callbacks: bool = True


class GoogleProject(_Model):
    """The simulated Google project."""

    requests_per_minute: int | None = 50
    """Submits per model; null is no quota."""


class Scenario(_Model):
    """A scenario file."""

    seed: int = 0
    """Everything drawn at random follows from it."""
    kling: KlingAccount = KlingAccount()
    google: GoogleProject = GoogleProject()
    rules: list[Rule] = Field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Scenario:
        """Return the scenario of a JSON file, or raise ValueError that names what is wrong."""
        return cls.model_validate_json(path.read_bytes())
