"""Write `docs/providers.md` from the catalogue: `python -m tools.providers`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dailies.domain.catalogue import (
    Catalogue,
    Input,
    Lifecycle,
    ModelSpec,
    ModeSpec,
    load_catalogue,
)
from dailies.providers import names

PAGE = Path(__file__).parents[1] / "docs" / "providers.md"
_HEAD = """# Providers and models

Written by `python -m tools.providers` from `functions/dailies/catalogue/`; a test keeps the two
alike. `GET /v1/models` tells the same as data. [How to add a provider](adding_a_provider.md).

The first value of each list is the default; not every combination is allowed. Prices are the
vendor's list prices in US dollars per second, from the cheapest to the dearest choice of
resolution and audio. A model with an end date is refused with 410 from that day on.

"""


def page(catalogue: Catalogue) -> str:
    """Return the page."""
    return _HEAD + "\n".join([*_vendors(catalogue), "", *_models(catalogue)]) + "\n"


def _vendors(catalogue: Catalogue) -> Iterator[str]:
    yield "## Vendors\n"
    yield "| Vendor | | Adapter | Callbacks | A lost submit | Sent twice | Cancel |"
    yield "|---|---|---|---|---|---|---|"
    adapters = names()
    found = {
        "external_id": "found by our id",
        "output_prefix": "found by its output",
        "none": "not found",
    }
    twice = {"none": "paid twice: never done", "duplicate_refused": "refused"}
    for name, spec in sorted(catalogue.vendors.items()):
        adapter = f"`providers/{name}.py`" if name in adapters else "none: retired"
        cancel = "yes" if spec.cancel else "no"
        yield (
            f"| `{name}` | {spec.title} | {adapter} | {spec.callbacks} | {found[spec.lookup]}"
            f" | {twice[spec.idempotency]} | {cancel} |"
        )


def _models(catalogue: Catalogue) -> Iterator[str]:
    yield "## Models\n"
    yield "| Model | Mode | Inputs | Resolution | Seconds | Ratio | Audio | Price | Life |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, spec in sorted(catalogue.vendors.items()):
        for model in spec.models:
            for kind, mode in model.modes.items():
                yield _row(f"{name}/{model.id}", kind, model, mode)


def _row(ref: str, kind: str, model: ModelSpec, mode: ModeSpec) -> str:
    inputs = [name if need == "required" else f"{name}?" for name, need in mode.inputs.items()]
    follows = "as the video" if Input.VIDEO in mode.inputs else "as the image"
    audio = ", ".join("yes" if on else "no" for on in mode.audio)
    cells = [
        f"`{ref}`",
        kind,
        ", ".join(inputs) or "-",
        ", ".join(mode.resolutions),
        ", ".join(map(str, mode.durations_s)),
        ", ".join(mode.aspect_ratios) or follows,
        audio,
        _prices(model, mode),
        _life(model.lifecycle),
    ]
    return f"| {' | '.join(cells)} |"


def _prices(model: ModelSpec, mode: ModeSpec) -> str:
    of_mode = [
        row.usd_per_s
        for row in model.prices
        if row.resolution in mode.resolutions and row.audio in mode.audio
    ]
    low, high = min(of_mode), max(of_mode)
    return f"{low}" if low == high else f"{low} to {high}"


def _life(lifecycle: Lifecycle) -> str:
    words = [f"since {lifecycle.released_on}"] if lifecycle.released_on else []
    words += [f"deprecated {lifecycle.deprecated_on}"] if lifecycle.deprecated_on else []
    words += [f"**ends {lifecycle.retires_on}**"] if lifecycle.retires_on else []
    words += [f"use `{lifecycle.replacement}`"] if lifecycle.replacement else []
    return ", ".join(words) or "-"


if __name__ == "__main__":
    PAGE.write_text(page(load_catalogue()), "utf-8")
