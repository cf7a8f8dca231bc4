"""Who owns what after a create, an update or a patch: the writer owns what it changed, and all others lose that.

Pure; objects are read only. Source: sigs.k8s.io/structured-merge-diff merge/update.go, k8s.io/apimachinery
util/managedfields (structuredmerge.go, managedfieldsupdater.go, stripmeta.go, skipnonapplied.go).
"""

from collections.abc import Iterable
from typing import Any

from kybern.api.fields import compare, managers, sets
from kybern.api.fields.compare import Comparison
from kybern.api.fields.managers import UPDATE, Entry, Identity, Writer
from kybern.api.fields.remove import reconciled
from kybern.api.fields.sets import Fields
from kybern.api.fields.typed import check_stored
from kybern.api.fields.versions import UNTRACKED, Version

Object = dict[str, Any]


def created(version: Version, new: Object, writer: Writer) -> list[Entry]:
    """The entries of a new object. Raises Unkeyed."""
    own = sets.difference(version.changeable(compare.created(version.atom, version.zero, new)), UNTRACKED)
    return [managers.entry(writer.identity(UPDATE), version.api_version, writer.time, own)] if own else []


def updated(version: Version, old: Object, new: Object, entries: list[Entry], writer: Writer) -> list[Entry]:
    """The entries after `old` became `new`; of an object that nobody is tracked for, none.

    Raises Unkeyed, Misconverted."""
    if not entries:
        return []
    if version.may_change:
        check_stored(version.atom, new)
    entries = settled(version, managers.unique(entries))
    changes = compared(version, old, new)
    kept, _ = released(version, old, new, changes, entries)
    own = _owned(changes)
    if own:
        who = writer.identity(UPDATE)
        for index, each in enumerate(kept):
            if managers.identity(each) == who:
                own = sets.union(own, each["fieldsV1"])
                del kept[index]
                break
        kept.append(managers.entry(who, version.api_version, writer.time, sets.ordered(own)))
    return managers.ordered(managers.capped(kept))


def _owned(changes: Comparison) -> Fields:
    return sets.difference(sets.union(changes.added, changes.modified), UNTRACKED)


def compared(version: Version, old: Any, new: Object) -> Comparison:
    """The differences, but for what the endpoint resets. Raises Unkeyed."""
    changes = compare.compare(version.atom, old, new)
    return Comparison(*map(version.changeable, changes)) if changes else changes


def settled(version: Version, entries: list[Entry]) -> list[Entry]:
    """The entries, each fitted to the schema of its version, which may have become another, or is served no more."""
    if not version.may_change:
        return entries
    kept = []
    for each in entries:
        own = version if each["apiVersion"] == version.api_version else version.find(each["apiVersion"])
        if own is not None:
            kept.append(managers.with_fields(each, reconciled(own.atom, each["fieldsV1"])))
    return kept


def released(
    version: Version,
    old: Object,
    new: Object,
    changes: Comparison,
    entries: Iterable[Entry],
    keeper: Identity | None = None,
) -> tuple[list[Entry], list[tuple[Entry, Fields]]]:
    """(the entries without what changed or went, what each one lost that `new` has). The keeper's stays whole."""
    kept: list[Entry] = []
    lost: list[tuple[Entry, Fields]] = []
    by_version: dict[str, Comparison | None] = {version.api_version: changes}
    for each in entries:
        if managers.identity(each) == keeper:
            kept.append(each)
            continue
        name = each["apiVersion"]
        if name not in by_version:
            by_version[name] = _in_version(version, old, new, name)
        seen = by_version[name]
        if seen is None:
            continue
        fields = each["fieldsV1"]
        if seen:
            touched = sets.union(seen.modified, seen.added)
            taken = sets.intersection(fields, touched)
            if taken:
                lost.append((each, taken))
            fields = sets.difference(sets.difference(fields, touched), seen.removed)
        if fields:
            kept.append(managers.with_fields(each, fields))
    return kept, lost


def _in_version(version: Version, old: Object, new: Object, name: str) -> Comparison | None:
    """The differences as another version sees them; None where it is no longer served. Raises Misconverted."""
    other = version.find(name)
    if other is None:
        return None
    converted = version.convert(new, name)
    if other.may_change:
        check_stored(other.atom, converted)
    return compared(other, version.convert(old, name), converted)
