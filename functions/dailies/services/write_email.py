"""Write email: a job's end in words for people, as HTML and as plain text.

Everything that comes from outside (a prompt, a vendor's reason) is text: `_fill` escapes every
value that is not markup made here.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from string import Template

from dailies.domain.assets import Asset
from dailies.domain.events import Event, EventType
from dailies.domain.jobs import Charged, Job, JobError
from dailies.services import email_templates

POSTER_ID = "poster"
_HEADLINES = {
    EventType.JOB_SUCCEEDED: "Your video is ready",
    EventType.JOB_LATE_ASSET: "A late result has arrived",
    EventType.JOB_FAILED: "Your video could not be made",
    EventType.JOB_CANCELED: "Your job was canceled",
    EventType.JOB_EXPIRED: "Your job ran out of time",
}
_SUBJECT_CHARS = 120
_PROMPT_CHARS = 280
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""White space, control characters, and those that turn the direction of reading."""


@dataclass(frozen=True)
class Email:
    """What an email says. The HTML shows the picture `cid:poster` if it was written with one."""

    subject: str
    html: str
    text: str


class _Markup(str):
    """HTML made here, from escaped parts."""

    __slots__ = ()


def write_email(
    event: Event, job: Job, asset: Asset | None, *, link: str | None, with_poster: bool
) -> Email:
    """Return the email that tells how a job ended.

    `asset` is the result, where there is one, and `link` where to download it. With a poster, the
    picture `poster` must come with the email.
    """
    headline = _HEADLINES[event.type]
    facts = _facts(job, asset)
    leads = [_reason(job.error)] if job.error else []
    leads += [_result(link, with_poster)] if link else []
    lead_html = _Markup("".join(markup for markup, _ in leads))
    lead_text = "\n\n".join(text for _, text in leads)
    page = {"headline": headline, "job_id": job.job_id}
    rows = _Markup("".join(_fill(email_templates.FACT, label=label, value=v) for label, v in facts))
    lines = "\n".join(f"{label}: {value}" for label, value in facts)
    return Email(
        subject=one_line(f"{headline}: {job.request.prompt}", _SUBJECT_CHARS).rstrip(": "),
        html=_fill(email_templates.PAGE, lead=lead_html, facts=rows, **page),
        text=email_templates.TEXT.substitute(page, lead=lead_text, facts=lines),
    )


def one_line(text: str, limit: int) -> str:
    """Return text on one line, without control characters, cut at `limit` characters."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _result(link: str, with_poster: bool) -> tuple[_Markup, str]:
    picture = _fill(email_templates.POSTER, content_id=POSTER_ID) if with_poster else _Markup()
    return _Markup(picture + _fill(email_templates.LINK, link=link)), f"Download the video: {link}"


def _reason(error: JobError) -> tuple[_Markup, str]:
    message = one_line("; ".join([error.message, *error.reasons]), 1000)
    hint = one_line(error.hint, 1000)
    markup = _fill(email_templates.REASON, message=message, hint=hint)
    return markup, f"{message}\n{hint}".strip()


def _facts(job: Job, asset: Asset | None) -> list[tuple[str, str]]:
    media = asset.media if asset else None
    facts = [("Prompt", one_line(job.request.prompt, _PROMPT_CHARS))]
    facts.append(("Model", job.model_in_use or ""))
    if media and media.duration_s:
        facts.append(("Length", f"{media.duration_s:.1f} s"))
    if media and media.width and media.height:
        facts.append(("Picture", f"{media.width} × {media.height}"))  # noqa: RUF001
    if job.finished_at:
        facts.append(("Took", _span((job.finished_at - job.created_at).total_seconds())))
    facts.append(("Cost", _cost(job)))
    told = [warning for warning in job.warnings if warning.code.startswith("enhance_")]
    facts += [("Note", one_line(warning.message, _PROMPT_CHARS)) for warning in told]
    return [(label, value) for label, value in facts if value]


def _cost(job: Job) -> str:
    if job.charged is Charged.UNKNOWN:
        return "not known yet"
    return "nothing" if job.charged is Charged.NO else f"${job.cost_usd:.2f}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _fill(template: Template, **values: str) -> _Markup:
    safe = {k: v if isinstance(v, _Markup) else html.escape(v) for k, v in values.items()}
    return _Markup(template.substitute(safe))
