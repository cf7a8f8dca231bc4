"""Which objects of the API a Pod needs: a mirror of a static Pod may need none. Pure. Source: pkg/api/pod."""

from collections.abc import Iterator

from kybern.api.resource import Object

_VOLUMES = {
    "csi": "csidrivers (via CSI volumes)",
    "glusterfs": "endpoints (via glusterFS volumes)",
    "persistentVolumeClaim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
}
_PROJECTED = {
    "serviceAccountToken": "serviceaccounts (via projected volumes)",
    "clusterTrustBundle": "clustertrustbundles",
    "podCertificate": "podcertificates",
}


def needed(spec: Object) -> str:
    """What the Pod needs first, in upstream's words; "" for nothing."""
    if spec.get("serviceAccountName"):
        return "serviceaccounts"
    if uses_secrets(spec):
        return "secrets"
    if _uses_config_maps(spec):
        return "configmaps"
    if spec.get("resourceClaims"):
        return "resourceclaims"
    return next(_volumes(spec), "")


def uses_secrets(spec: Object) -> bool:
    """Whether anything of the Pod is read from a Secret."""
    if spec.get("imagePullSecrets") or any("secretRef" in each or "secretKeyRef" in each for each in _variables(spec)):
        return True
    if any((volume.get("azureFile") or {}).get("secretName") for volume in spec.get("volumes") or ()):
        return True
    return any("secret" in source for source in _sources(spec))


def _uses_config_maps(spec: Object) -> bool:
    if any("configMapRef" in each or "configMapKeyRef" in each for each in _variables(spec)):
        return True
    return any("configMap" in source for source in _sources(spec))


def _sources(spec: Object) -> Iterator[Object]:
    """Volumes, and what is projected into one."""
    for volume in spec.get("volumes") or ():
        yield volume
        yield from (volume.get("projected") or {}).get("sources") or ()


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
