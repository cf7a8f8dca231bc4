"""Which objects of the API a Pod needs: a mirror of a static Pod may need none. Pure. Source: pkg/api/pod."""

from collections.abc import Iterator

from kybern.api.resource import Object

_VOLUMES = {
    "configMap": "configmaps (via configmap volumes)",
    "secret": "secrets (via secret volumes)",
    "csi": "csidrivers (via CSI volumes)",
    "glusterfs": "endpoints (via glusterFS volumes)",
    "persistentVolumeClaim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
    "azureFile": "secrets (via azureFile volumes)",
}
_PROJECTED = {
    "configMap": "configmaps (via projected volumes)",
    "secret": "secrets (via projected volumes)",
    "serviceAccountToken": "serviceaccounts (via projected volumes)",
    "clusterTrustBundle": "clustertrustbundles",
    "podCertificate": "podcertificates",
}


def needed(spec: Object) -> str:
    """What the Pod needs first, in upstream's words; "" for nothing."""
    if spec.get("serviceAccountName"):
        return "serviceaccounts"
    variables = list(_variables(spec))
    if spec.get("imagePullSecrets") or any("secretRef" in each or "secretKeyRef" in each for each in variables):
        return "secrets"
    if any("configMapRef" in each or "configMapKeyRef" in each for each in variables):
        return "configmaps"
    if spec.get("resourceClaims"):
        return "resourceclaims"
    return next(_volumes(spec), "")


def _variables(spec: Object) -> Iterator[Object]:
    """Sources of environment variables."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or ():
            yield from container.get("envFrom") or ()
            for variable in container.get("env") or ():
                yield variable.get("valueFrom") or {}


def _volumes(spec: Object) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        for key, words in _VOLUMES.items():
            if volume.get(key) is not None:
                yield words
        for source in (volume.get("projected") or {}).get("sources") or ():
            for key, words in _PROJECTED.items():
                if source.get(key) is not None:
                    yield words
