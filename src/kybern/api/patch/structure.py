"""What strategic merge asks of the built-in kinds' structure: per field its type, patch strategy and merge key."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from kybern.api.schema.structure import definitions


class Field(NamedTuple):
    """What the structure says of one field: its type's name ("" for none), how it is patched."""

    type: str = ""
    strategies: Sequence[str] = ()
    merge_key: str = ""

    @property
    def merges(self) -> bool:
        return "merge" in self.strategies

    @property
    def replaces(self) -> bool:
        return "replace" in self.strategies


@cache
def field(type_name: str, name: str) -> Field:
    """Field() for what the structure does not know (members of maps, unknown types)."""
    described = (definitions().get(type_name) or {}).get("f", {}).get(name)
    if described is None:
        return Field()
    hints = described.get("x") or {}
    strategies = tuple(one for one in hints.get("patch-strategy", "").split(",") if one)
    return Field(_element(described["t"]), strategies, hints.get("patch-merge-key", ""))


def _element(described: Any) -> str:
    """The name of the type behind lists; "" for scalars and maps."""
    while isinstance(described, list) and described[0] == "[":
        described = described[1]
    return str(described[1]) if isinstance(described, list) and described[0] == "@" else ""
