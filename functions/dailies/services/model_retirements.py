"""Which models their vendors are about to switch off."""

from __future__ import annotations

import datetime as dt

from dailies.domain.catalogue import Catalogue


def retiring(catalogue: Catalogue, today: dt.date, within_days: int) -> list[str]:
    """Return the models (`<vendor>/<model>`) that retire after `today`, within so many days."""
    last = today + dt.timedelta(days=within_days)
    return sorted(
        f"{vendor.vendor}/{model.id}"
        for vendor in catalogue.vendors.values()
        for model in vendor.models
        if model.lifecycle.retires_on and today < model.lifecycle.retires_on <= last
    )
