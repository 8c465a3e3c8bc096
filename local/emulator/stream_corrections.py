"""Corrections that let a table's stream outlive a restart of MiniStack."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from local.emulator.corrections import Correction

_GAP = "a restart loses a stream's records but not its readers' positions, so new ones are skipped"
_SAVED = ("_stream_records", "_stream_trimmed")
_COUNTER = "_stream_seq_counter"


def stream_corrections() -> list[Correction]:
    """List the corrections of how streams are saved and restored."""
    tables = "ministack.services.dynamodb"
    return [
        Correction(_GAP, tables, "get_state", (), _save_records),
        Correction(_GAP, tables, "load_persisted_state", ("data",), _restore_records),
        Correction(_GAP, "ministack.app", "_load_persisted_state", (), _fit_positions),
    ]


def _save_records(original: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """Save the records with the tables."""
    from ministack.services import dynamodb

    def get_state() -> dict[str, Any]:
        saved = {name: copy.deepcopy(getattr(dynamodb, name)) for name in _SAVED}
        return {**original(), **saved, _COUNTER: dynamodb._stream_seq_counter}

    return get_state


def _restore_records(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """Restore the records with the tables."""
    from ministack.services import dynamodb

    def load_persisted_state(data: Any) -> None:
        original(data)
        for name in _SAVED:
            getattr(dynamodb, name).update(data.get(name, {}))
        dynamodb._stream_seq_counter = data.get(_COUNTER, 0)

    return load_persisted_state


def _fit_positions(original: Callable[[], None]) -> Callable[[], None]:
    """Move readers back that were saved a moment later than the records they had read."""
    from ministack.services import dynamodb, lambda_svc

    def load() -> None:
        original()
        positions = lambda_svc._dynamodb_stream_positions._data
        for (account_id, region, reader), position in list(positions.items()):
            source = lambda_svc._esms._data.get((account_id, region, reader), {})
            _, _, resource = source.get("EventSourceArn", "").partition(":table/")
            table = resource.partition("/")[0]
            end = dynamodb.stream_end_position(table, account_id=account_id, region=region)
            positions[(account_id, region, reader)] = min(position, end)

    return load
