"""managedFields on the way of a write: `kybern.api.fields` applied to objects as they are served.

Where tracking fails (an associative list whose elements nothing names, a value that does not fit a type) the object goes
on untracked, as upstream's.
"""

from functools import lru_cache
from typing import Any

from kybern.api.fields import managers, update
from kybern.api.fields.atom import Unkeyed
from kybern.api.fields.managers import Entry, Writer
from kybern.api.fields.typed import Misconverted, check_stored
from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.objects.sent import with_lists
from kybern.apiserver.served import Served

FIELD = "managedFields"
MANAGER_LIMIT = 128
"""Bytes of a manager's name."""
INVALID_WARNING = (
    ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating "
    "admission controller; please fix your requests: "
)


@lru_cache(maxsize=1024)
def manager_of(user_agent: str) -> str:
    """What a client is called that names no manager: its User-Agent up to the first `/`, what can be printed of it."""
    name = ""
    for character in user_agent.partition("/")[0]:
        if not character.isprintable():
            continue
        if len((name + character).encode()) > MANAGER_LIMIT:
            break
        name += character
    return name


def writer(served: Served, attributes: Attributes, time: str) -> Writer:
    return Writer(attributes.manager, served.resource.api_version, time, attributes.subresource)


def track_create(served: Served, obj: Object, attributes: Attributes, time: str) -> None:
    """Give a new object, as its client sent it, its first entry."""
    metadata = obj["metadata"]
    given = metadata.pop(FIELD, None)
    version, who = served.fields_version(""), writer(served, attributes, time)
    sent = with_lists(served, obj, attributes)
    try:
        if version.may_change:
            check_stored(version.atom, sent)
        if given and not managers.is_reset(given) and not managers.fault(given):
            entries = update.updated(version, dict(version.zero), sent, managers.decoded(given), who)
        else:
            entries = update.created(version, sent, who)
    except (Unkeyed, Misconverted):
        return
    if entries:
        metadata[FIELD] = entries


def track_update(served: Served, new: Object, old: Object, attributes: Attributes, time: str) -> None:
    """Settle who owns what after a client made `new` of `old`."""
    metadata = new["metadata"]
    given, stored = metadata.pop(FIELD, None), old["metadata"].get(FIELD) or ()
    entries = _starting(given, stored, attributes.subresource)
    if not entries:
        return
    try:
        version = served.fields_version(attributes.subresource)
        sent = with_lists(served, new, attributes)
        entries = update.updated(version, old, sent, entries, writer(served, attributes, time))
    except (Unkeyed, Misconverted):
        return
    if entries:
        metadata[FIELD] = entries


def _starting(given: Any, stored: Any, subresource: str) -> list[Entry]:
    """The stored entries; or those that the client changed or reset, which it may through the main endpoint."""
    if subresource or given == stored:
        return list(stored)
    if managers.is_reset(given):
        return []
    if given and not managers.fault([each for each in given if each not in stored]):
        return managers.decoded(given)
    return list(stored)


def check_admitted(obj: Object, before: Any, attributes: Attributes) -> None:
    """Put back what a mutating plugin made invalid."""
    after = obj["metadata"].get(FIELD)
    if after is before:
        return
    fault = managers.fault(after)
    if fault:
        obj["metadata"][FIELD] = before
        attributes.warn(INVALID_WARNING + fault)


def keep_times(new: Object, old: Object) -> None:
    """Where only times of managers changed, nothing did."""
    entries, stored = new["metadata"].get(FIELD), old["metadata"].get(FIELD)
    if not entries or not stored or entries is stored or len(entries) != len(stored):
        return
    if any(_timeless(one) != _timeless(other) for one, other in zip(entries, stored, strict=True)):
        return
    if {**new, "metadata": {**new["metadata"], FIELD: stored}} == old:
        new["metadata"][FIELD] = stored


def _timeless(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if key != "time"}
