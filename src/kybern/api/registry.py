"""Every resource of Kubernetes v1.36 that is generally available: its names (`rows`) with its behaviour (`api/groups`).

What asks only for names (discovery, RBAC's mapping of resources) loads no behaviour. `find` loads the module of the one
kind asked for; iterating `RESOURCES` loads all.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import overload

from kybern.api.resource import Resource
from kybern.api.rows import NAMES, Names

_BY_PLURAL = {(row.group, row.version, row.plural): row for row in NAMES}
_BY_KIND = {(row.group, row.version, row.kind): row for row in NAMES}
_LOADED: dict[tuple[str, str, str], Resource] = {}
"""What was asked for by plural: every creation asks."""


def find(group: str, version: str, plural: str) -> Resource | None:
    """The resource with its behaviour, or None where it does not exist."""
    place = (group, version, plural)
    known = _LOADED.get(place)
    if known is None and place in _BY_PLURAL:
        known = _LOADED[place] = _load(_BY_PLURAL[place])
    return known


def find_kind(group: str, version: str, kind: str) -> Resource | None:
    """Like `find`, by kind."""
    row = _BY_KIND.get((group, version, kind))
    return None if row is None else _load(row)


@cache
def _load(row: Names) -> Resource:
    from kybern.api.groups.behaviour import resource

    module = import_module(f"kybern.api.groups.{row.module}")
    return resource(row, module.BEHAVIOUR.get(row.kind))


class _Resources(Sequence[Resource]):
    """All of them, each loaded when it is reached."""

    def __len__(self) -> int:
        return len(NAMES)

    @overload
    def __getitem__(self, index: int) -> Resource: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Resource]: ...
    def __getitem__(self, index: int | slice) -> Resource | Sequence[Resource]:
        if isinstance(index, slice):
            return [_load(row) for row in NAMES[index]]
        return _load(NAMES[index])


RESOURCES: Sequence[Resource] = _Resources()
