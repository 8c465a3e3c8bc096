"""`make serve LIVE=kling MAX_COST=5`: which vendor is real, with which key, up to what cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from dailies.domain.catalogue import VendorSpec, load_catalogue
from local.twin.errors import TwinError
from local.twin.live import Live

VARIABLES: dict[str, dict[str, str]] = {
    "kling": {"api_key": "KLING_API_KEY"},
    "gemini": {"api_key": "GEMINI_API_KEY"},
    "google": {"service_account": "GOOGLE_SERVICE_ACCOUNT", "bucket": "GOOGLE_BUCKET"},
}
"""The shell's variables that a vendor's secret is made of; only `make serve LIVE=…` reads them."""
_FILES = {"GOOGLE_SERVICE_ACCOUNT"}
"""Variables that name a file."""


def read_live(environment: Mapping[str, str], ask_secret: Callable[[str], str]) -> Live | None:
    """Return what the variables ask for; None where everything is to be simulated.

    A key that no variable holds is asked for: it is then in no shell's history.

    Raises:
        TwinError: the variables make no sense; the message says what to set.
    """
    vendor = environment.get("LIVE", "")
    if not vendor:
        return None
    if vendor not in VARIABLES:
        raise TwinError(f"LIVE={vendor}: there are {', '.join(sorted(VARIABLES))}.")
    max_cost_usd = _max_cost_usd(environment.get("MAX_COST", ""))
    credentials = {
        name: _value(variable, environment, ask_secret)
        for name, variable in VARIABLES[vendor].items()
    }
    return Live(vendor, credentials, max_cost_usd)


def warning(live: Live) -> list[str]:
    """Return what a person must know before the first paid call."""
    spec = load_catalogue().vendor(live.vendor)
    origin = live.endpoints.get(live.vendor, spec.base_url)
    return [
        f"{live.vendor} is REAL: jobs for its models are sent to {origin} and cost money.",
        f"Prices, by the list in functions/dailies/catalogue/{live.vendor}.json:",
        *_prices(spec),
        f"Cap: ${live.max_cost_usd} in all, by list price, whoever orders (API, drop folder,",
        "redrive). What would pass it fails with `over_cap`, and is not sent.",
        "All other vendors are simulated.",
    ]


def _prices(spec: VendorSpec) -> list[str]:
    lines: list[str] = []
    for model in spec.models:
        if model.lifecycle.retires_on is None and model.prices:
            per_s = [price.usd_per_s for price in model.prices]
            span = f"${min(per_s)}" + (f" to ${max(per_s)}" if max(per_s) > min(per_s) else "")
            lines.append(f"  {spec.vendor}/{model.id}: {span} per second of video")
    return lines


def _max_cost_usd(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as exc:
        raise TwinError("LIVE needs MAX_COST, in US dollars: MAX_COST=5.") from exc
    if not (value.is_finite() and value > 0):
        raise TwinError(f"MAX_COST must be more than 0, not {text}.")
    return value


def _value(variable: str, environment: Mapping[str, str], ask_secret: Callable[[str], str]) -> str:
    given = environment.get(variable, "") or ask_secret(f"{variable} (not shown): ")
    if not given.strip():
        raise TwinError(f"Set {variable}, or type it when asked.")
    if variable not in _FILES:
        return given.strip()
    try:
        return Path(given.strip()).read_text("utf-8")
    except OSError as exc:
        raise TwinError(f"{variable} names no file that can be read.") from exc
