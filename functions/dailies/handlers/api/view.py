"""What every part of an answer is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """A part of an answer. Members are always present; null where there is nothing to tell."""

    model_config = ConfigDict(extra="forbid", frozen=True)
