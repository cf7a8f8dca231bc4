"""Which audiences a kubelet may ask tokens for: those that the Pod's volumes name. Source: KEP-4412, noderestriction."""

from collections.abc import Iterator

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup


def is_named(lookup: Lookup, pod: Object, audience: str) -> bool:
    """Whether a volume of the Pod asks for this audience ("": the API server's own)."""
    return any(audience == each for each in _audiences(lookup, pod))


def _audiences(lookup: Lookup, pod: Object) -> Iterator[str]:
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            if source.get("serviceAccountToken") is not None:
                yield source["serviceAccountToken"].get("audience") or ""
        driver = _driver(lookup, pod, volume)
        found = lookup.get("csidrivers.storage.k8s.io", driver) if driver else None
        for request in ((found or {}).get("spec") or {}).get("tokenRequests") or ():
            yield request.get("audience") or ""


def _driver(lookup: Lookup, pod: Object, volume: Object) -> str:
    """The CSI driver behind a volume."""
    if volume.get("csi") is not None:
        return volume["csi"].get("driver") or ""
    name = (volume.get("persistentVolumeClaim") or {}).get("claimName") or ""
    if volume.get("ephemeral") is not None:
        name = f"{pod['metadata']['name']}-{volume['name']}"
    claim = lookup.get("persistentvolumeclaims", name, pod["metadata"]["namespace"]) if name else None
    bound = lookup.get("persistentvolumes", claim["spec"].get("volumeName") or "") if claim is not None else None
    return (((bound or {}).get("spec") or {}).get("csi") or {}).get("driver") or ""
