"""What a deployment creates, changes and removes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_STATEFUL = {
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::S3::Bucket": "bucket",
    "AWS::SecretsManager::Secret": "secret",
}


@dataclass(frozen=True)
class Changes:
    """Numbers of resources by type."""

    created: Counter[str] = field(default_factory=Counter[str])
    changed: Counter[str] = field(default_factory=Counter[str])
    removed: Counter[str] = field(default_factory=Counter[str])
    losses: list[str] = field(default_factory=list[str])
    """Stateful resources that leave their stack, by logical id."""

    def __bool__(self) -> bool:
        return bool(self.created or self.changed or self.removed)


def compare(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Changes:
    """Compare a stack's deployed template (None: there is no stack) with its new one."""
    before: Mapping[str, Any] = old["Resources"] if old else {}
    after: Mapping[str, Any] = new["Resources"]
    changes = Changes()
    for name, resource in after.items():
        if name not in before:
            changes.created[resource["Type"]] += 1
        elif _without_metadata(before[name]) != _without_metadata(resource):
            changes.changed[resource["Type"]] += 1
    for name, resource in before.items():
        if name not in after:
            changes.removed[resource["Type"]] += 1
            if resource["Type"] in _STATEFUL:
                changes.losses.append(f"{_STATEFUL[resource['Type']]} {name}")
    return changes


def describe(changes: Changes) -> list[str]:
    """Return lines that a person can read."""
    return [
        f"  {verb:<8}{sum(counts.values()):>4}  {_listed(counts)}"
        for verb, counts in (
            ("create", changes.created),
            ("change", changes.changed),
            ("remove", changes.removed),
        )
        if counts
    ]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {_short(kind)}" for kind, count in counts.most_common())


def _short(kind: str) -> str:
    """`AWS::Lambda::Function` is `Lambda Function`."""
    return " ".join(kind.split("::")[1:])


def _without_metadata(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "Metadata"}
