"""Upstream's words for conflicts of an apply. Source: k8s.io/apimachinery util/managedfields/internal/conflict.go."""

from collections.abc import Sequence
from typing import Any

import orjson

from kybern.api.fields import sets
from kybern.api.fields.apply import Conflict
from kybern.api.fields.managers import UPDATE, Entry


def message(conflicts: Sequence[Conflict]) -> str:
    """`Apply failed with 1 conflict: conflict with "x" using apps/v1: .spec.replicas`, or one line for each field."""
    if len(conflicts) == 1:
        only = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {owner(only.entry)}: {sets.text(only.path)}"
    lines: dict[str, list[str]] = {}
    for each in conflicts:
        lines.setdefault(owner(each.entry), []).append(f"- {sets.text(each.path)}")
    parts = [line for who, fields in lines.items() for line in (f"conflicts with {who}:", *fields)]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(parts)


def causes(conflicts: Sequence[Conflict]) -> list[dict[str, Any]]:
    """The causes of the Status."""
    return [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {owner(each.entry)}",
            "field": sets.text(each.path),
        }
        for each in conflicts
    ]


def owner(entry: Entry) -> str:
    """`"kubectl"`, `"kube-controller-manager" with subresource "status" using apps/v1`."""
    text = orjson.dumps(entry.get("manager", "")).decode()
    if entry.get("subresource"):
        text += f" with subresource {orjson.dumps(entry['subresource']).decode()}"
    return f"{text} using {entry['apiVersion']}" if entry["operation"] == UPDATE else text
