"""The vocabulary of default roles: short to write, RBAC objects to store."""

from collections.abc import Sequence

from kybern.api.resource import Object

READ = "get list watch"
WRITE = "create delete deletecollection patch update"
ALL = "create delete deletecollection get list patch update watch"
RBAC = "rbac.authorization.k8s.io"
BOOTSTRAPPING = {"kubernetes.io/bootstrapping": "rbac-defaults"}
AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate"

CORE = ""
"""The group without a name; in lists of groups it is written `core`."""


def rule(verbs: str, groups: str, resources: str, names: str = "") -> Object:
    """`rule("get list", "core apps", "pods deployments/scale")`."""
    made: Object = {
        "verbs": sorted(verbs.split()),
        "apiGroups": sorted("" if group == "core" else group for group in groups.split()),
        "resources": sorted(resources.split()),
    }
    if names:
        made["resourceNames"] = sorted(names.split())
    return made


def paths(verbs: str, urls: str) -> Object:
    return {"verbs": sorted(verbs.split()), "nonResourceURLs": sorted(urls.split())}


EVENTS = rule("create patch update", "core events.k8s.io", "events")


def cluster_role(name: str, *rules: Object, labels: dict[str, str] | None = None, aggregate: str = "") -> Object:
    """`aggregate`: the label that gathers other roles' rules into this one."""
    role: Object = {"metadata": _metadata(name, labels), "rules": list(rules) or None}
    if aggregate:
        role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {aggregate: "true"}}]}
    return role


def role(namespace: str, name: str, *rules: Object) -> Object:
    return {"metadata": {**_metadata(name), "namespace": namespace}, "rules": list(rules)}


def cluster_binding(role_name: str, subjects: Sequence[Object], name: str = "") -> Object:
    return {
        "metadata": _metadata(name or role_name),
        "subjects": list(subjects),
        "roleRef": _ref("ClusterRole", role_name),
    }


def role_binding(namespace: str, role_name: str, subjects: Sequence[Object], name: str = "") -> Object:
    metadata = {**_metadata(name or role_name), "namespace": namespace}
    return {"metadata": metadata, "subjects": list(subjects), "roleRef": _ref("Role", role_name)}


def user(name: str) -> Object:
    return {"kind": "User", "apiGroup": RBAC, "name": name}


def group(name: str) -> Object:
    return {"kind": "Group", "apiGroup": RBAC, "name": name}


def account(name: str, namespace: str = "kube-system") -> Object:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def _metadata(name: str, labels: dict[str, str] | None = None) -> Object:
    return {"name": name, "labels": {**BOOTSTRAPPING, **(labels or {})}, "annotations": {AUTO_UPDATE: "true"}}


def _ref(kind: str, name: str) -> Object:
    return {"apiGroup": RBAC, "kind": kind, "name": name}
