"""Small plugins that nobody runs unless asked for.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""

from collections.abc import Awaitable, Iterator

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.life import Life
from kybern.apiserver.served import Served
from kybern.apiserver.status import not_found
from kybern.base.errors import AlreadyExists, InternalError

_HOSTNAME = "kubernetes.io/hostname"


class AlwaysAdmit(Plugin):
    """Does nothing."""


class AlwaysDeny(Plugin):
    """For tests of clients."""

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        raise attributes.forbidden(obj if obj is not None else old, "admission control is denying all modifications")


class AlwaysPullImages(Plugin):
    """Nobody uses an image that only another's credentials could have pulled."""

    about = ("pods",)

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if attributes.subresource in ("", "ephemeralcontainers"):
            known = {each.get("name"): each.get("image") for each in _containers((old or {}).get("spec") or {})}
            for container in _containers(obj["spec"]):
                if known.get(container.get("name"), "") != container.get("image"):
                    container["imagePullPolicy"] = "Always"


class DenyServiceExternalIPs(Plugin):
    """Nobody takes over an address outside the cluster."""

    about = ("services",)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if obj is None or attributes.subresource:
            return
        new = (obj.get("spec") or {}).get("externalIPs") or ()
        if set(new) - set(((old or {}).get("spec") or {}).get("externalIPs") or ()):
            raise attributes.forbidden(obj, "Use of external IPs is denied by admission control.")


class ExtendedResourceToleration(Plugin):
    """Pods tolerate the taints of nodes with the special resources that they ask for."""

    about = ("pods",)

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if attributes.subresource:
            return
        spec = obj["spec"]
        requests = (((each.get("resources") or {}).get("requests")) or {} for each in _containers(spec))
        names = sorted({name for each in requests for name in each if "/" in name and "kubernetes.io/" not in name})
        tolerations = spec.get("tolerations") or []
        for name in names:
            wanted = {"key": name, "operator": "Exists", "effect": "NoSchedule"}
            if wanted not in tolerations:
                tolerations = [*tolerations, wanted]
        if names:
            spec["tolerations"] = tolerations


class LimitPodHardAntiAffinityTopology(Plugin):
    """Required anti-affinity keeps others off a node, not off a zone."""

    about = ("pods",)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if obj is None or attributes.subresource:
            return
        anti = ((obj["spec"].get("affinity") or {}).get("podAntiAffinity")) or {}
        for term in anti.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
            key = term.get("topologyKey")
            if key != _HOSTNAME:
                why = (
                    f"affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey {key} but only key {_HOSTNAME} "
                    "is allowed"
                )
                raise attributes.forbidden(obj, why)


class NamespaceExists(Plugin):
    """Refuses what is in no namespace that there is."""

    def __init__(self, lookup: Lookup, namespaces: Served) -> None:
        self._lookup = lookup
        self._namespaces = namespaces

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if attributes.namespace and self._lookup.get("namespaces", attributes.namespace) is None:
            raise not_found(self._namespaces.resource, attributes.namespace)


class NamespaceAutoProvision(Plugin):
    """Makes the namespace of what is created."""

    def __init__(self, lookup: Lookup, life: Life, namespaces: Served) -> None:
        self._lookup = lookup
        self._life = life
        self._namespaces = namespaces

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> Awaitable[None] | None:
        name = attributes.namespace
        if old is not None or not name or attributes.dry_run or attributes.operation != "CREATE":
            return None
        return None if self._lookup.get("namespaces", name) is not None else self._provide(name)

    async def _provide(self, name: str) -> None:
        """Raises InternalError."""
        made: Object = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}, "spec": {}, "status": {}}
        try:
            await create(self._life, self._namespaces, made, Attributes("CREATE", self._namespaces.resource, "", ""))
        except AlreadyExists:
            return
        if self._lookup.get("namespaces", name) is None:
            raise InternalError(f"the namespace {name} could not be made")


def _containers(spec: Object) -> Iterator[Object]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(key) or ()
