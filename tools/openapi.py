"""Write `docs/openapi.json` from the code that serves it: `python -m tools.openapi`."""

from __future__ import annotations

from pathlib import Path

from dailies.handlers.api.openapi import document_json

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"

if __name__ == "__main__":
    DOCUMENT.write_text(document_json(), "utf-8")
