"""The versions of one kind, as ownership needs them: an entry of another version is compared in that version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kybern.api.fields import sets
from kybern.api.fields.atom import Atom
from kybern.api.fields.sets import Fields

_STRIPPED = ("name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields")
UNTRACKED: Fields = {
    "f:apiVersion": sets.LEAF,
    "f:kind": sets.LEAF,
    "f:metadata": {".": sets.LEAF, "f:resourceVersion": sets.LEAF, **{f"f:{name}": sets.LEAF for name in _STRIPPED}},
}
"""What nobody owns."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a kind, seen through one endpoint."""

    api_version: str
    atom: Atom
    reset: Fields = field(default_factory=dict)
    """What a write through this endpoint never changes: nobody gains or loses it."""
    zero: Mapping[str, Any] = field(default_factory=dict)
    """An empty object as upstream would encode it."""
    may_change: bool = False
    """Whether the schema can become another one under stored objects."""
    find: Callable[[str], "Version | None"] = lambda api_version: None
    """The other versions of the kind that are served; None: entries of that version are dropped."""
    convert: Callable[[dict[str, Any], str], dict[str, Any]] = lambda obj, api_version: obj
    """(an object of this version, another apiVersion that `find` knows) -> the object in that version."""

    def changeable(self, fields: Fields) -> Fields:
        """The members that a write through this endpoint may gain, lose or change."""
        return sets.without(fields, self.reset) if self.reset else fields
