"""ServiceAccount: every Pod runs as one, and finds its token, the authority's certificate and its namespace mounted.

Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller
"""

from kybern.api.resource import Object
from kybern.apiserver.admission.api_references import uses_secrets
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.mountable_secrets import enforces, unlisted_secret
from kybern.base.ids import Ids

DEFAULT = "default"
MIRROR = "kubernetes.io/config.mirror"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
TOKEN_SECONDS = 3607
"""An hour and the seven seconds by which such a token is recognised as one that admission asked for."""
FILE_MODE = 0o644


class ServiceAccount(Plugin):
    about = ("pods",)

    def __init__(self, lookup: Lookup, ids: Ids) -> None:
        self._lookup = lookup
        self._ids = ids

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if attributes.group_resource != "pods" or attributes.subresource or old is not None:
            return
        spec = obj["spec"]
        if MIRROR in (obj["metadata"].get("annotations") or {}):
            self._check_mirror(attributes, spec)
            return
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or DEFAULT
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = self._account(attributes, obj)
        if _mounts_token(account, spec):
            self._mount(spec)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(each) for each in account["imagePullSecrets"]]

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        """An account may be held to the secrets that it names."""
        if attributes.group_resource != "pods" or obj is None:
            return
        if attributes.subresource != ("" if old is None else "ephemeralcontainers"):
            return
        if MIRROR in (obj["metadata"].get("annotations") or {}):
            return
        account = self._account(attributes, obj)
        if enforces(account):
            why = unlisted_secret(account, obj["spec"], ephemeral=old is not None)
            if why:
                raise attributes.forbidden(obj, why)

    def _account(self, attributes: Attributes, pod: Object) -> Object:
        """Raises Forbidden."""
        name, namespace = pod["spec"].get("serviceAccountName") or "", attributes.namespace
        if not name:
            where = f"{namespace}/{pod['metadata'].get('name') or ''}"
            raise attributes.forbidden(pod, f"no service account specified for pod {where}")
        account = self._lookup.get("serviceaccounts", name, namespace)
        if account is None:
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise attributes.forbidden(pod, why)
        return account

    def _check_mirror(self, attributes: Attributes, spec: Object) -> None:
        if spec.get("serviceAccountName"):
            raise attributes.forbidden(None, "a mirror pod may not reference service accounts")
        if uses_secrets(spec):
            raise attributes.forbidden(None, "a mirror pod may not reference secrets")
        sources = [
            each
            for volume in spec.get("volumes") or ()
            for each in (volume.get("projected") or {}).get("sources") or ()
        ]
        if any("serviceAccountToken" in source for source in sources):
            raise attributes.forbidden(None, "a mirror pod may not use ServiceAccountToken volume projections")

    def _mount(self, spec: Object) -> None:
        containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
        lacking = [each for each in containers if not _has_mount(each)]
        if not lacking:
            return
        name = next((v["name"] for v in spec.get("volumes") or () if v["name"].startswith(VOLUME_PREFIX)), "")
        if not name:
            name = VOLUME_PREFIX + self._ids.suffix()
            spec["volumes"] = [*(spec.get("volumes") or ()), _volume(name)]
        for container in lacking:
            mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
            container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]


def _mounts_token(account: Object, spec: Object) -> bool:
    for holder in (spec, account):
        wanted = holder.get("automountServiceAccountToken")
        if wanted is not None:
            return bool(wanted)
    return True


def _has_mount(container: Object) -> bool:
    return any(mount["mountPath"] == MOUNT_PATH for mount in container.get("volumeMounts") or ())


def _volume(name: str) -> Object:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources: list[Object] = [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": FILE_MODE}}
