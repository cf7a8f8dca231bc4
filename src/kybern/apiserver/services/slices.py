"""The EndpointSlices of a Service, and what in them is ready."""

from collections.abc import Iterable

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup

SLICES = "endpointslices.discovery.k8s.io"
SERVICE_LABEL = "kubernetes.io/service-name"


def slices_of(lookup: Lookup, namespace: str, service: str) -> list[Object]:
    """All slices that name the Service."""
    return [
        each
        for each in lookup.list(SLICES, namespace)
        if (each["metadata"].get("labels") or {}).get(SERVICE_LABEL) == service
    ]


def ready_endpoints(endpoint_slice: Object) -> Iterable[Object]:
    """Those of a slice that are not told to be unready: nothing told is ready."""
    endpoints: Iterable[Object] = endpoint_slice.get("endpoints") or ()
    return (each for each in endpoints if (each.get("conditions") or {}).get("ready") is not False)


def ports_named(endpoint_slice: Object, name: str) -> list[Object]:
    """The ports of a slice with this name; "" for those without one."""
    return [each for each in endpoint_slice.get("ports") or () if (each.get("name") or "") == name]
