"""The table of providers says what the catalogue says."""

from __future__ import annotations

from dailies.domain.catalogue import load_catalogue
from tools.providers import PAGE, page

LINES = PAGE.read_text("utf-8").splitlines()


def test_page_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text("utf-8") == page(load_catalogue()), "Run: python -m tools.providers"


def test_every_mode_of_every_model_has_one_row() -> None:
    rows = [line.split(" | ")[:2] for line in LINES if line.startswith("| `") and "/" in line]
    shown = sorted((ref.strip("| `"), kind) for ref, kind in rows if "/" in ref)

    assert shown == sorted(
        (f"{name}/{model.id}", str(kind))
        for name, vendor in load_catalogue().vendors.items()
        for model in vendor.models
        for kind in model.modes
    )


def test_end_and_replacement_are_shown_when_a_model_has_retired() -> None:
    [row] = [line for line in LINES if line.startswith("| `openai/sora-2` | text_to_video")]

    assert row.endswith("**ends 2026-09-24**, use `kling/kling-3.0` |")
    [vendor] = [line for line in LINES if line.startswith("| `openai` |")]
    assert "none: retired" in vendor
