"""Which models are about to retire: for those who run the stage, before their users notice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dailies.domain.catalogue import Catalogue


@dataclass(frozen=True)
class Retirement:
    """One model's end to come."""

    model: str
    """`<vendor>/<model>`."""
    retires_on: dt.date
    in_days: int
    replacement: str | None
    """`<vendor>/<model>`; None where the catalogue names none."""


def retiring(catalogue: Catalogue, today: dt.date, within_days: int = 30) -> list[Retirement]:
    """Return the models that still take jobs and retire within so many days, the next one first."""
    found = [
        Retirement(
            f"{vendor.vendor}/{model.id}", on, (on - today).days, model.lifecycle.replacement
        )
        for vendor in catalogue.vendors.values()
        for model in vendor.models
        if (on := model.lifecycle.retires_on) is not None
    ]
    near = [one for one in found if 0 < one.in_days <= within_days]
    return sorted(near, key=lambda one: (one.retires_on, one.model))
