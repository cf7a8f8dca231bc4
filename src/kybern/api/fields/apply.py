"""Server-side apply: merge a configuration, drop what its manager no longer applies, and refuse to take from others.

Pure; objects are read only. Source: sigs.k8s.io/structured-merge-diff merge/update.go, k8s.io/apimachinery
util/managedfields (structuredmerge.go, skipnonapplied.go, conflict.go).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from kybern.api.fields import managers, sets
from kybern.api.fields.compare import field_set
from kybern.api.fields.managers import APPLY, Entry, Writer
from kybern.api.fields.merge import merge
from kybern.api.fields.remove import named, remove
from kybern.api.fields.sets import Fields, Path
from kybern.api.fields.typed import check
from kybern.api.fields.update import compared, created, released, settled
from kybern.api.fields.versions import UNTRACKED, Version

BEFORE_FIRST = "before-first-apply"
"""Owns what an object had that nobody was tracked for."""

Object = dict[str, Any]


class Conflict(NamedTuple):
    """A field that another manager owns with another value."""

    entry: Entry
    path: Path


class Conflicts(Exception):
    """The apply would take fields from others."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__(f"{len(conflicts)} conflicts")
        self.conflicts = conflicts

    def beyond(self, allowed: Fields) -> list[Conflict]:
        """Those that are not within a set."""
        return [each for each in self.conflicts if not sets.has(allowed, each.path)]


class Applied(NamedTuple):
    """What an apply led to."""

    obj: Object
    """Without managedFields; `live` itself where nothing changed."""
    entries: list[Entry]


def apply(
    version: Version, live: Object, config: Object, entries: list[Entry], writer: Writer, *, force: bool
) -> Applied:
    """Apply `config` to `live`: a stored object, or the version's zero where there is none yet.

    Raises Conflicts, Mistyped, Unkeyed.
    """
    if not entries and (live.get("metadata") or {}).get("uid"):
        before = Writer(BEFORE_FIRST, writer.api_version, writer.time, writer.subresource)
        entries = created(version, live, before)
    entries = settled(version, managers.unique(entries))
    check(version.atom, config)
    who = writer.identity(APPLY)
    last = next((each for each in entries if managers.identity(each) == who), None)
    fields = version.changeable(field_set(version.atom, config))
    own = managers.entry(who, version.api_version, writer.time, fields)
    others = [each for each in entries if each is not last]
    tracked = sets.difference(fields, UNTRACKED)
    new = merge(version.atom, live, config)
    if last is not None and last["fieldsV1"] != tracked and not sets.is_within(last["fieldsV1"], fields):
        new = _pruned(version, new, last, [*others, own])
    if new == live:
        new = live
    changes = compared(version, live, new)
    kept, lost = released(version, live, new, changes, others)
    if lost and not force:
        raise Conflicts([Conflict(each, path) for each, taken in _by_manager(lost) for path in sets.paths(taken)])
    if tracked:
        kept.append(_own(own, last, tracked, changed=new is not live))
    return Applied(new, managers.ordered(kept))


def _own(own: Entry, last: Entry | None, tracked: Fields, *, changed: bool) -> Entry:
    """The applier's entry. Its time is that of the last apply which changed the object."""
    if not changed and last is not None and last["fieldsV1"] == tracked and last["apiVersion"] == own["apiVersion"]:
        return last
    time = own["time"] if changed else last.get("time") if last is not None else None
    return managers.entry(managers.identity(own), own["apiVersion"], time, sets.ordered(tracked))


def _by_manager(lost: list[tuple[Entry, Fields]]) -> list[tuple[Entry, Fields]]:
    """In the order of what upstream calls them: of one manager's entries that of a subresource comes first."""

    def called(each: tuple[Entry, Fields]) -> tuple[str, str, str, bool, str]:
        manager, operation, version, subresource = managers.identity(each[0])
        return manager, operation, version, not subresource, subresource

    return sorted(lost, key=called)


def _pruned(version: Version, merged: Object, last: Entry, entries: list[Entry]) -> Object:
    """Without what the manager applied last time, applies no more, and nobody else owns."""
    old_version = _version(version, last["apiVersion"])
    if old_version is None:
        return merged
    here = _converted(version, merged, old_version.api_version)
    atom = old_version.atom
    pruned = remove(atom, here, named(atom, last["fieldsV1"])) or {}
    pruned = _with_owned(old_version, here, pruned, entries)
    everything, rest = (named(atom, field_set(atom, each)) for each in (here, pruned))
    gone = sets.intersection(sets.difference(everything, rest), named(atom, last["fieldsV1"]))
    result = remove(atom, here, gone) or {}
    return _converted(old_version, result, version.api_version)


def _with_owned(version: Version, merged: Object, pruned: Object, entries: list[Entry]) -> Object:
    """Adds back what entries own; those of the pruned version first, for conversion may need their fields."""
    owned: dict[str, Fields] = {}
    for each in entries:
        owned[each["apiVersion"]] = sets.union(owned.get(each["apiVersion"], sets.EMPTY), each["fieldsV1"])
    current = version
    for name in sorted(owned, key=lambda name: name != version.api_version):
        target = _version(current, name)
        if target is None:
            continue
        merged, pruned = (_converted(current, each, name) for each in (merged, pruned))
        current, atom = target, target.atom
        everything, rest = (named(atom, field_set(atom, each)) for each in (merged, pruned))
        kept = sets.union(rest, named(atom, owned[name]))
        pruned = remove(atom, merged, sets.difference(everything, kept)) or {}
    return _converted(current, pruned, version.api_version)


def _version(version: Version, name: str) -> Version | None:
    return version if name == version.api_version else version.find(name)


def _converted(version: Version, obj: Object, name: str) -> Object:
    return obj if name == version.api_version else version.convert(obj, name)
