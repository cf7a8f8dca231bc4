"""Upstream's places of objects in etcd, so that an etcd can change hands between upstream's API servers and this one.

`/registry/deployments.apps/ns/name` of the cache lies at `PREFIX/deployments/ns/name`; custom resources at
`PREFIX/GROUP/PLURAL/ns/name`. What else upstream keeps there (`ranges/`, `masterleases/`) is told under names of no
resource. Source: pkg/kubeapiserver/default_storage_factory_builder.go and the CRDRESTOptionsGetter of v1.36.
"""

from collections.abc import Iterable

from kybern.api import registry
from kybern.api.registry import RESOURCES
from kybern.api.resource import Resource
from kybern.apiserver.cache.cache import ROOT
from kybern.apiserver.served import storage_resource

_SPECIAL = {
    "replicationcontrollers": "controllers",
    "endpoints": "services/endpoints",
    "nodes": "minions",
    "services": "services/specs",
    "ingresses.networking.k8s.io": "ingress",
    "customresourcedefinitions.apiextensions.k8s.io": "apiextensions.k8s.io/customresourcedefinitions",
    "apiservices.apiregistration.k8s.io": "apiregistration.k8s.io/apiservices",
}


def place_of(resource: Resource) -> str:
    """`deployments`, `minions`, `example.com/widgets`: where below the prefix upstream has a resource's objects."""
    name = resource.group_resource
    if registry.find(resource.group, resource.version, resource.plural) is not None:
        return _SPECIAL.get(name) or resource.plural
    return f"{resource.group}/{resource.plural}"


def etcd_layout(prefix: str) -> "EtcdLayout":
    """Of this server's resources."""
    return EtcdLayout(prefix, {storage_resource(row).group_resource for row in RESOURCES if row.stored})


class EtcdLayout:
    """Of the built-in resources `stored` (`deployments.apps`), and of all custom ones."""

    def __init__(self, prefix: str, stored: Iterable[str]) -> None:
        self._base = "/" + prefix.strip("/")
        self.prefix = self._base.encode()
        self._places = {name: _SPECIAL.get(name) or name.partition(".")[0] for name in stored}
        self._names = {place: name for name, place in self._places.items()}

    def outer(self, key: str) -> bytes:
        """Raises ValueError for a key outside the cache's."""
        if not key.startswith(ROOT):
            raise ValueError(f"{key!r} lies outside {ROOT!r}")
        name, slash, rest = key[len(ROOT) :].partition("/")
        if not slash:
            return f"{self._base}/{name}".encode()
        place = self._places.get(name)
        if place is None:
            plural, _, group = name.partition(".")
            place = f"{group}/{plural}"
        return f"{self._base}/{place}/{rest}".encode()

    def inner(self, key: bytes) -> str:
        first, _, rest = key[len(self.prefix) + 1 :].decode().partition("/")
        name = self._names.get(first)
        if name is None:
            second, _, rest = rest.partition("/")
            name = self._names.get(f"{first}/{second}") or f"{second}.{first}"
        return f"{ROOT}{name}/{rest}"
