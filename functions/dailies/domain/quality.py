"""Reads what an analysis of a video says: of Check, or in a container's report."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dailies.domain.assets import Finding, Quality

_Word = Annotated[str, StringConstraints(max_length=64)]
_MOST_VERDICTS = 50


class _Part(BaseModel):
    """Its writer is not trusted, and a row of the ledger is small: finite numbers, short texts."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Spans(_Part):
    total_s: float | None = None


class _Pictures(_Part):
    black: _Spans = _Spans()
    frozen: _Spans = _Spans()
    duplicates: int | None = None
    sharpness: float | None = None
    blockiness: float | None = None
    flicker: float | None = None


class _Sound(_Part):
    integrated_lufs: float | None = None
    true_peak_dbtp: float | None = None


class _Verdict(_Part):
    code: _Word
    level: _Word
    message: Annotated[str, StringConstraints(max_length=500)]


class _Analysis(_Part):
    pictures: _Pictures = _Pictures()
    sound: _Sound | None = None
    verdicts: list[_Verdict] = Field(default_factory=list[_Verdict], max_length=_MOST_VERDICTS)


def quality_of(analysis: dict[str, Any] | None) -> Quality | None:
    """Return what an analysis (as JSON) tells; None where it cannot be read, or there is none."""
    if analysis is None:
        return None
    try:
        found = _Analysis.model_validate(analysis)
    except ValidationError:
        return None
    pictures, sound = found.pictures, found.sound or _Sound()
    return Quality(
        black_s=pictures.black.total_s,
        frozen_s=pictures.frozen.total_s,
        duplicates=pictures.duplicates,
        sharpness=pictures.sharpness,
        blockiness=pictures.blockiness,
        flicker=pictures.flicker,
        loudness_lufs=sound.integrated_lufs,
        true_peak_dbtp=sound.true_peak_dbtp,
        findings=[Finding(**vars(verdict)) for verdict in found.verdicts],
    )
