"""Objects in the version that a webhook or a policy asks for, and back; and made whole again after a change."""

from collections.abc import Sequence

from kybern.api.fields.atom import Atom
from kybern.api.resource import Object, Resource
from kybern.api.schema import codec
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.custom.served import CustomServed
from kybern.apiserver.served import Served, ServedResources
from kybern.base.errors import BadRequest


class Versions:
    """Over everything that is served."""

    def __init__(self, served: ServedResources) -> None:
        self._served = served

    def others(self, resource: Resource) -> Sequence[Resource]:
        """The other versions of the same stored objects."""
        own = self._find(resource)
        return [each.resource for each in own.siblings.values() if each is not own] if own is not None else ()

    def shown(self, attributes: Attributes, wanted: Resource, obj: Object | None) -> Object | None:
        """The object as the client sees it, in the version that is wanted."""
        if obj is None:
            return None
        shown = attributes.view.shown(obj) if attributes.view is not None else obj
        if shown.get("kind") != attributes.resource.kind:
            return shown
        return self.convert(shown, attributes.resource, wanted)

    def taken(self, attributes: Attributes, wanted: Resource, obj: Object, changed: Object) -> Object:
        """What `obj` becomes when that which was `shown` of it has been changed. Raises BadRequest."""
        if attributes.view is not None:
            return attributes.view.applied(obj, changed)
        whole = obj.get("kind") == attributes.resource.kind
        before = (wanted.api_version, wanted.kind) if whole else (obj.get("apiVersion"), obj.get("kind"))
        after = changed.get("apiVersion"), changed.get("kind")
        if after != before:
            raise BadRequest(f"converting ({_dotted(*after)}) to ({_dotted(*before)}): unknown conversion")
        if changed.get("kind") != attributes.resource.kind:
            return self.complete(changed, attributes.resource)
        return self.convert(self.complete(changed, wanted), wanted, attributes.resource)

    def convert(self, obj: Object, current: Resource, wanted: Resource) -> Object:
        """The object in another version; unchanged parts are shared. Raises Unconverted."""
        if current is wanted:
            return obj
        served = self._find(current)
        if isinstance(served, CustomServed):
            return served.in_version(obj, wanted.api_version)
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

    def atom(self, resource: Resource) -> Atom | None:
        """The shape by which configurations are merged into objects."""
        served = self._find(resource)
        return served.fields_version("").atom if served is not None else None

    def of_kind(self, group: str, version: str, kind: str) -> Served | None:
        """Whatever is stored and has this kind."""
        for resource in self._served.resources:
            if (resource.group, resource.version, resource.kind) == (group, version, kind) and resource.stored:
                return self._find(resource)
        return None

    def _find(self, resource: Resource) -> Served | None:
        return self._served.find(resource.group, resource.version, resource.plural)


def _dotted(api_version: object, kind: object) -> str:
    return f"{str(api_version).rpartition('/')[2]}.{kind}"


def replace(obj: Object, new: Object) -> None:
    """Make `obj`, in place, what `new` is: others hold on to it and to its metadata. Raises BadRequest."""
    metadata = obj.get("metadata")
    fresh = new.get("metadata")
    if isinstance(metadata, dict) and metadata.get("namespace"):
        fresh = new["metadata"] = fresh or {}
        if fresh.setdefault("namespace", metadata["namespace"]) != metadata["namespace"]:
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    obj.clear()
    obj.update(new)
    if isinstance(metadata, dict) and isinstance(fresh, dict):
        kept = dict(fresh)
        metadata.clear()
        metadata.update(kept)
        obj["metadata"] = metadata
