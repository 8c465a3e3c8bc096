"""The checked-in OpenAPI document, held to the code that serves it."""

from __future__ import annotations

from pathlib import Path

from dailies.handlers.api.openapi import HEADERS, document, document_json

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_checked_in_document_is_current_when_the_code_changes() -> None:
    assert DOCUMENT.read_text("utf-8") == document_json(), "Run: python -m tools.openapi"


def test_every_error_is_a_problem_when_we_answer_it_ourselves() -> None:
    parts = document()["components"]["responses"]
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                if int(status) < 400 or status in {"403", "429"}:
                    continue
                answer = parts[response["$ref"].rpartition("/")[2]]
                assert "application/problem+json" in answer["content"], (path, method, status)


def test_every_header_of_the_table_is_used_when_the_document_is_made() -> None:
    text = document_json()
    assert all(f'"{name}": {{' in text for name in HEADERS)


def test_key_is_needed_when_an_operation_is_not_public() -> None:
    public = {
        path
        for path, methods in document()["paths"].items()
        for operation in methods.values()
        if operation.get("security") == []
    }
    assert public == {"/v1/links/{token}", "/healthz", "/openapi.json"}
