"""Objects in the version that a webhook or a policy asks for, and back; and made whole again after a change."""

from collections.abc import Sequence

from kybern.api.resource import Object, Resource
from kybern.api.schema import codec
from kybern.apiserver.served import Served, ServedResources


class Versions:
    """Over everything that is served."""

    def __init__(self, served: ServedResources) -> None:
        self._served = served

    def others(self, resource: Resource) -> Sequence[Resource]:
        """The other versions of the same stored objects."""
        own = self._served.find(resource.group, resource.version, resource.plural)
        if own is None or not resource.stored:
            return ()
        return [
            each.resource
            for each in self._served
            if each is not own and each.resource.stored and each.cache is own.cache
        ]

    def convert(self, obj: Object, current: Resource, wanted: Resource) -> Object:
        """The object in another version; unchanged parts are shared."""
        if current is wanted:
            return obj
        return wanted.from_storage(current.to_storage(obj))

    def complete(self, obj: Object, resource: Resource) -> Object:
        """A changed object pruned and defaulted. Raises BadRequest where it fits its kind no more."""
        whole = obj.get("kind") == resource.kind
        served = self._find(resource) if whole else None
        used = served.codec if served is not None else codec(obj["apiVersion"], obj["kind"])
        made, _ = used.convert(obj, "Ignore")
        used.default(made)
        if whole and resource.default is not None:
            resource.default(made)
        return made

    def _find(self, resource: Resource) -> Served | None:
        return self._served.find(resource.group, resource.version, resource.plural)


def replace(obj: Object, new: Object) -> None:
    """Make `obj`, in place, what `new` is: others hold on to it and to its metadata."""
    metadata = obj.get("metadata")
    fresh = new.get("metadata")
    obj.clear()
    obj.update(new)
    if isinstance(metadata, dict) and isinstance(fresh, dict):
        kept = dict(fresh)
        metadata.clear()
        metadata.update(kept)
        obj["metadata"] = metadata
