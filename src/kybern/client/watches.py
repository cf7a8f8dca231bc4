"""What a controller looks at, declared: which changes wake which keys, and what is only read.

`watch(ReplicaSet).owns(Pod).also(Node, keys_of_node)`. A loop never learns what woke it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kybern.api.types.meta_v1 import LabelSelector
from kybern.client.objects import Key

if TYPE_CHECKING:
    from kybern.client.cluster import Cluster

KeysOf = Callable[[Any, "Cluster"], Iterable[Key]]
Changed = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Relation:
    """Objects of `kind` wake the keys that `keys` names, for the new and for the old object."""

    kind: type[Any]
    keys: KeysOf | None
    """None: they are read only."""
    changed: Changed | None = None
    """(new, old) -> whether a change is worth waking for. None: every change."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Objects of `kind` wake the owner that controls them; those nobody controls wake who might adopt them."""

    kind: type[Any]
    adopting: Callable[[Any], LabelSelector | None] | None


@dataclass(frozen=True, slots=True)
class Index:
    kind: type[Any]
    name: str
    keys: Callable[[Any], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Watches:
    """What one controller looks at."""

    primary: type[Any]
    primary_changed: Changed | None = None
    ownerships: tuple[Ownership, ...] = field(default=())
    relations: tuple[Relation, ...] = field(default=())
    indices: tuple[Index, ...] = field(default=())

    def owns(self, kind: type[Any], *, adopting: Callable[[Any], LabelSelector | None] | None = None) -> "Watches":
        """Wake the controlling owner; `adopting` gives the selector by which an owner claims what nobody controls."""
        return self._with(ownerships=(*self.ownerships, Ownership(kind, adopting)))

    def also(self, kind: type[Any], keys: KeysOf, *, changed: Changed | None = None) -> "Watches":
        """Wake the keys that `keys(object, cluster)` names."""
        return self._with(relations=(*self.relations, Relation(kind, keys, changed)))

    def reads(self, *kinds: type[Any]) -> "Watches":
        """Keep a cache, wake nobody."""
        return self._with(relations=(*self.relations, *(Relation(kind, None) for kind in kinds)))

    def indexed(self, kind: type[Any], name: str, keys: Callable[[Any], Iterable[str]]) -> "Watches":
        """Keep an index for `cluster.by_index(kind, name, value)`."""
        return self._with(indices=(*self.indices, Index(kind, name, keys)))

    @property
    def kinds(self) -> list[type[Any]]:
        """Every kind that needs an informer, once."""
        others: tuple[Ownership | Relation | Index, ...] = (*self.ownerships, *self.relations, *self.indices)
        return [*dict.fromkeys((self.primary, *(each.kind for each in others)))]

    def _with(self, **changes: Any) -> "Watches":
        parts = {
            "ownerships": self.ownerships,
            "relations": self.relations,
            "indices": self.indices,
            **changes,
        }
        return Watches(self.primary, self.primary_changed, **parts)


def watch(kind: type[Any], *, changed: Changed | None = None) -> Watches:
    """Begin: changes of `kind` wake the object's own key; `changed(new, old)` tells which modifications do."""
    return Watches(kind, changed)
