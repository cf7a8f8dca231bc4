"""metadata.managedFields: who wrote which fields last. Its entries stay the plain dicts that objects carry.

An entry belongs to (manager, operation, subresource), and for updates to one apiVersion.
Source: k8s.io/apimachinery util/managedfields (managedfields.go, capmanagers.go).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kybern.api.fields import sets
from kybern.api.fields.sets import Fields

APPLY, UPDATE = "Apply", "Update"
UPDATERS_LIMIT = 10
"""Entries of updates; the oldest beyond it become one."""
ANCIENT = "ancient-changes"
UNKNOWN = "unknown"

Entry = dict[str, Any]
Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, through which version and subresource, and when."""

    manager: str
    api_version: str
    time: str
    subresource: str = ""

    def identity(self, operation: str) -> Identity:
        return (self.manager or UNKNOWN, operation, self.api_version if operation == UPDATE else "", self.subresource)


def identity(entry: Entry) -> Identity:
    operation = entry["operation"]
    version = entry["apiVersion"] if operation == UPDATE else ""
    return entry.get("manager", ""), operation, version, entry.get("subresource", "")


def entry(who: Identity, api_version: str, time: str | None, fields: Fields) -> Entry:
    """An entry with its keys in upstream's order."""
    manager, operation, _, subresource = who
    made: Entry = {"manager": manager, "operation": operation, "apiVersion": api_version}
    if time is not None:
        made["time"] = time
    made["fieldsType"] = "FieldsV1"
    made["fieldsV1"] = fields
    if subresource:
        made["subresource"] = subresource
    return made


def with_fields(given: Entry, fields: Fields) -> Entry:
    return given if given["fieldsV1"] is fields else {**given, "fieldsV1": fields}


def fault(entries: Any) -> str:
    """Why entries cannot be used, in upstream's words; "" where they can."""
    for index, each in enumerate(entries or ()):
        if each.get("operation") not in (APPLY, UPDATE):
            return "operation must be `Apply` or `Update`"
        if not each.get("apiVersion"):
            return "apiVersion must not be empty"
        kind = each.get("fieldsType")
        if not kind:
            return f"missing fieldsType in managed fields entry {index}"
        if kind != "FieldsV1":
            return f'invalid fieldsType "{kind}" in managed fields entry {index}'
        if not sets.is_readable(each.get("fieldsV1")):
            return f"error decoding versioned set from managed fields entry {index}"
    return ""


def decoded(entries: Iterable[Entry] | None) -> list[Entry]:
    """The entries that a client sent: without a set it is the empty one; of several with one identity the last counts."""
    by_identity: dict[Identity, Entry] = {}
    for each in entries or ():
        fields = sets.read(each.get("fieldsV1") or {})
        fields.pop(".", None)
        by_identity[identity(each)] = {**each, "fieldsV1": sets.ordered(fields)}
    return ordered(list(by_identity.values()))


def unique(entries: list[Entry]) -> list[Entry]:
    """Of several entries with one identity, as writes of a Scale leave them, the last counts."""
    by_identity = {identity(each): each for each in entries}
    return entries if len(by_identity) == len(entries) else list(by_identity.values())


def is_reset(entries: Any) -> bool:
    """Whether a client asks to forget all managers: an empty list, or one empty entry."""
    return entries is not None and (not entries or list(entries) == [{}])


def ordered(entries: list[Entry]) -> list[Entry]:
    """In upstream's order: by operation, time, manager, version, subresource."""
    if len(entries) > 1:
        entries.sort(key=_rank)
    return entries


def _rank(each: Entry) -> tuple[str, ...]:
    return (
        each["operation"],
        each.get("time") or "",
        each.get("manager", ""),
        each["apiVersion"],
        each.get("subresource", ""),
    )


def capped(entries: list[Entry]) -> list[Entry]:
    """Not more than UPDATERS_LIMIT entries of updates: the oldest of a version become `ancient-changes`."""
    updaters = [each for each in entries if each["operation"] == UPDATE]
    if len(updaters) <= UPDATERS_LIMIT:
        return entries
    updaters.sort(key=lambda each: (each.get("time") or "", identity(each)))
    kept = {identity(each): each for each in entries}
    first: dict[str, Entry] = {}
    count = len(updaters)
    for each in updaters:
        if count <= UPDATERS_LIMIT:
            break
        version = each["apiVersion"]
        if version not in first:
            first[version] = each
            continue
        bucket = (ANCIENT, UPDATE, version, "")
        held = kept.get(bucket) or kept.pop(identity(first[version]))
        fields = sets.ordered(sets.union(each["fieldsV1"], held["fieldsV1"]))
        kept.pop(identity(each))
        kept[bucket] = entry(bucket, version, each.get("time"), fields)
        count -= 1
    return list(kept.values())
