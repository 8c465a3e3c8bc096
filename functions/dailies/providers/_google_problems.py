"""Google's error objects, of an HTTP answer, an operation or an interaction. Takes no client."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from dailies.domain.errors import Rejection
from dailies.providers._replies import (
    Identifier,
    LooseModel,
    Objects,
    Text,
    as_int,
    as_list,
    as_object,
    as_text,
)

_SAFETY = {
    "child": (58061214, 17301594),
    "celebrity": (29310472, 15236754),
    "video safety": (64151117, 42237218),
    "dangerous": (62263041,),
    "hate": (57734940, 22137204),
    "other": (74803281, 29578790, 42876398),
    "prohibited": (89371032, 49114662, 63429089, 72817394, 60599140),
    "third-party content": (35561574, 35561575),
    "sexual": (90789179, 43188360),
    "toxic": (78610348,),
    "violence": (61493863, 56562880),
    "vulgar": (32635315,),
    "personal information": (92201652,),
    "people or face": (39322892,),
}
_SAFETY_OF_CODE = {str(code): name for name, codes in _SAFETY.items() for code in codes}
_SUPPORT_CODES = re.compile(r"support codes?:?\s*((?:\d{6,}[,;\s]*)+)", re.IGNORECASE)
_SAFETY_WORDS = re.compile(
    r"responsible ai|usage guidelines|(due to|for) safety|blocked by|violat.{0,40}polic"
    r"|safety (filter|setting|polic|reason|guideline|concern|check|violation)"
    r"|prohibited (content|use)|content.{0,20}(blocked|prohibited)",
    re.IGNORECASE,
)
_SAFETY_CODES = frozenset(
    {"safety", "content_blocked", "content_filter", "prohibited_content", "moderation_blocked"}
)
_BILLING = re.compile(r"billing", re.IGNORECASE)
_BAD_KEY = re.compile(r"api[ _]key (not valid|expired|not found|invalid)", re.IGNORECASE)
_RETRY_INFO = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")


class GoogleProblem(LooseModel):
    """An error object. Its code is a number in most APIs, a word in Interactions."""

    code: Identifier = ""
    status: Text = ""
    message: Text = ""
    details: Objects = Field(default_factory=list[dict[str, Any]])

    @property
    def word(self) -> str:
        """Return the stable word for it."""
        return self.status or ("" if self.code == "0" else self.code)

    @property
    def number(self) -> int:
        """Return the code where it is a number, else 0."""
        return as_int(self.code) or 0

    @property
    def support_codes(self) -> list[str]:
        """Return the numbers with which Google says what its safety filter saw."""
        return support_codes(self.message)

    @property
    def about_safety(self) -> bool:
        """Whether it is the safety filter that speaks."""
        said = self.support_codes or _SAFETY_WORDS.search(self.message)
        return bool(said) or self.code.lower() in _SAFETY_CODES

    @property
    def retry_after_s(self) -> float | None:
        """Return the delay that a `google.rpc.RetryInfo` asks for."""
        for detail in self.details:
            match = _RETRY_INFO.fullmatch(as_text(detail.get("retryDelay")))
            if match:
                return float(match[1])
        return None


def problem_of(envelope: Any) -> GoogleProblem:
    """Return the error of a reply; Google's front end wraps it in an array."""
    first = as_object(next(iter(as_list(envelope)), None)) or as_object(envelope)
    return GoogleProblem.model_validate(as_object(first.get("error")))


def refusal_of(status: int, problem: GoogleProblem) -> Rejection | None:
    """Return why a submit was refused, where the body tells more than the status does."""
    if status not in (400, 403):
        return None
    if problem.about_safety:
        return Rejection.MODERATION
    reasons = {as_text(detail.get("reason")) for detail in problem.details}
    if "API_KEY_INVALID" in reasons or _BAD_KEY.search(problem.message):
        return Rejection.AUTH
    if "BILLING_DISABLED" in reasons or _BILLING.search(problem.message):
        return Rejection.BALANCE
    return Rejection.FORBIDDEN if problem.status == "FAILED_PRECONDITION" else None


def support_codes(text: str) -> list[str]:
    """Return the support codes that a text names, in order."""
    return [code for found in _SUPPORT_CODES.findall(text) for code in re.findall(r"\d+", found)]


def classes_of(codes: list[str]) -> list[str]:
    """Return the published meaning of support codes, each once."""
    return list(dict.fromkeys(_SAFETY_OF_CODE.get(code, "other") for code in codes))
