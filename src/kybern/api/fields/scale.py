"""The owners of a Scale: those of its parent's replicas, and back.

Source: k8s.io/apimachinery util/managedfields/scalehandler.go. A manager that came to own the replicas through the
scale subresource has an entry without a time, as upstream's has.
"""

from collections.abc import Sequence

from kybern.api.fields import managers, sets
from kybern.api.fields.managers import Entry
from kybern.api.fields.sets import Path

SCALE_VERSION = "autoscaling/v1"
REPLICAS: Path = ("f:spec", "f:replicas")


def to_scale(entries: Sequence[Entry], path: Path = REPLICAS) -> list[Entry]:
    """The Scale's entries; `path` is where the parent keeps its replicas."""
    owners = [each for each in managers.unique(list(entries)) if sets.has(each["fieldsV1"], path)]
    replicas = sets.of_path(REPLICAS)
    return managers.ordered(
        [managers.entry(managers.identity(each), SCALE_VERSION, each.get("time"), replicas) for each in owners]
    )


def to_parent(
    entries: Sequence[Entry], scale_entries: Sequence[Entry], api_version: str, path: Path = REPLICAS
) -> list[Entry]:
    """The parent's entries after a write of its Scale; `api_version` is the parent's.

    An update's owner is another one by the Scale's version, so that it gets an entry of the replicas alone.
    """
    replicas = sets.of_path(path)
    owners = {managers.identity(each): each for each in scale_entries if sets.has(each["fieldsV1"], REPLICAS)}
    kept: list[Entry] = []
    for each in managers.unique(list(entries)):
        who = managers.identity(each)
        if who in owners:
            del owners[who]
        elif sets.has(each["fieldsV1"], path):
            rest = sets.difference(each["fieldsV1"], replicas)
            if not rest:
                continue
            each = managers.with_fields(each, rest)
        kept.append(each)
    kept += [managers.entry(who, api_version, None, replicas) for who in owners]
    return managers.ordered(kept)
