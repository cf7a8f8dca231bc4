"""core/v1."""

from base64 import b64encode
from typing import Any

from kybern.api.defaults.images import pull_policy
from kybern.api.defaults.pod_resources import default_pod_resources

Object = dict[str, Any]

_CONTAINER: Object = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_FILES: Object = {"defaultMode": 0o644}
_RBD: Object = {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}
_SCALE_IO: Object = {"storageMode": "ThinProvisioned", "fsType": "xfs"}

V1: dict[str, Object] = {
    "PodSpec": {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
    },
    "Container": _CONTAINER,
    "EphemeralContainer": _CONTAINER,
    "ContainerPort": {"protocol": "TCP"},
    "Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "GRPCAction": {"service": ""},
    "ObjectFieldSelector": {"apiVersion": "v1"},
    "FileKeySelector": {"optional": False},
    "SecretVolumeSource": _FILES,
    "ConfigMapVolumeSource": _FILES,
    "DownwardAPIVolumeSource": _FILES,
    "ProjectedVolumeSource": _FILES,
    "ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "PodCertificateProjection": {"maxExpirationSeconds": 86400},
    "HostPathVolumeSource": {"type": ""},
    "ISCSIVolumeSource": {"iscsiInterface": "default"},
    "ISCSIPersistentVolumeSource": {"iscsiInterface": "default"},
    "RBDVolumeSource": _RBD,
    "RBDPersistentVolumeSource": _RBD,
    "ScaleIOVolumeSource": _SCALE_IO,
    "ScaleIOPersistentVolumeSource": _SCALE_IO,
    "AzureDiskVolumeSource": {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"},
    "ServiceSpec": {"sessionAffinity": "None", "type": "ClusterIP"},
    "ServicePort": {"protocol": "TCP"},
    "EndpointPort": {"protocol": "TCP"},
    "ReplicationControllerSpec": {"replicas": 1},
    "Secret": {"type": "Opaque"},
    "PersistentVolumeStatus": {"phase": "Pending"},
    "PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "PersistentVolumeClaimStatus": {"phase": "Pending"},
    "NamespaceStatus": {"phase": "Active"},
}

_VIRTUAL_IP_TYPES = ("NodePort", "LoadBalancer", "ClusterIP")
_CLIENT_IP_TIMEOUT_SECONDS = 10800


def container(obj: Object) -> None:
    if "imagePullPolicy" not in obj:
        obj["imagePullPolicy"] = pull_policy(obj.get("image", ""))


def volume(obj: Object) -> None:
    if len(obj) < 2:
        obj["emptyDir"] = {}
    image = obj.get("image")
    if image is not None and not image.get("pullPolicy"):
        image["pullPolicy"] = pull_policy(image.get("reference", ""))


def pod_spec(obj: Object) -> None:
    """The old name of serviceAccountName stands beside it."""
    name = obj.get("serviceAccountName") or obj.get("serviceAccount")
    if name:
        obj["serviceAccountName"] = obj["serviceAccount"] = name


def pod(obj: Object) -> None:
    """What holds for Pods but not for templates."""
    spec = obj["spec"]
    spec.setdefault("enableServiceLinks", True)
    if spec["terminationGracePeriodSeconds"] < 0:
        spec["terminationGracePeriodSeconds"] = 1
    for each in (*(spec.get("containers") or ()), *spec.get("initContainers", ())):
        resources = each["resources"]
        limits = resources.get("limits")
        if limits:
            resources["requests"] = limits | resources.get("requests", {})
        if spec.get("hostNetwork"):
            for port in each.get("ports", ()):
                port.setdefault("hostPort", port["containerPort"])
    if "resources" in spec:
        default_pod_resources(spec)


def pod_status(obj: Object) -> None:
    """podIP is the first of podIPs."""
    first, addresses = obj.get("podIP"), obj.get("podIPs")
    if first and (not addresses or addresses[0].get("ip") != first):
        obj["podIPs"] = [{"ip": first}]
    elif addresses:
        obj["podIP"] = addresses[0].get("ip", "")


def node_spec(obj: Object) -> None:
    """podCIDR is the first of podCIDRs."""
    first, ranges = obj.get("podCIDR"), obj.get("podCIDRs")
    if first and (not ranges or ranges[0] != first):
        obj["podCIDRs"] = [first]
    elif ranges:
        obj["podCIDR"] = ranges[0]


def node_status(obj: Object) -> None:
    if "capacity" in obj and "allocatable" not in obj:
        obj["allocatable"] = dict(obj["capacity"])


def service_port(obj: Object) -> None:
    if obj["targetPort"] in (0, ""):
        obj["targetPort"] = obj["port"]


def service(obj: Object) -> None:
    spec = obj["spec"]
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client_ip = spec.get("sessionAffinityConfig", {}).get("clientIP", {})
        if "timeoutSeconds" not in client_ip:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _CLIENT_IP_TIMEOUT_SECONDS}}
    kind = spec["type"]
    if kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs")):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind in _VIRTUAL_IP_TYPES:
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        for ingress in obj["status"]["loadBalancer"].get("ingress", ()):
            if ingress.get("ip"):
                ingress.setdefault("ipMode", "VIP")


def replication_controller(obj: Object) -> None:
    spec = obj["spec"]
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        if not obj["metadata"].get("labels"):
            obj["metadata"]["labels"] = dict(labels)


def secret(obj: Object) -> None:
    """stringData is a way to write data, never to read it."""
    texts = obj.pop("stringData", None)
    if texts:
        encoded = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
        obj["data"] = obj.get("data", {}) | encoded


def persistent_volume(obj: Object) -> None:
    """Not of the volumes that stand within a VolumeAttachment."""
    spec = obj["spec"]
    spec["persistentVolumeReclaimPolicy"] = spec.get("persistentVolumeReclaimPolicy") or "Retain"
    spec.setdefault("volumeMode", "Filesystem")


def namespace(obj: Object) -> None:
    name = obj["metadata"].get("name")
    if name:
        obj["metadata"]["labels"] = obj["metadata"].get("labels", {}) | {"kubernetes.io/metadata.name": name}


def limit_range_item(obj: Object) -> None:
    """Limits of containers: default from max, defaultRequest from default, then from min."""
    if obj["type"] != "Container":
        return
    limits = obj.get("max", {}) | obj.get("default", {})
    requests = obj.get("min", {}) | limits | obj.get("defaultRequest", {})
    obj.update({key: value for key, value in (("default", limits), ("defaultRequest", requests)) if value})


V1_CODE = {
    "Container": container,
    "EphemeralContainer": container,
    "Volume": volume,
    "PodSpec": pod_spec,
    "Pod": pod,
    "PodStatus": pod_status,
    "NodeSpec": node_spec,
    "NodeStatus": node_status,
    "ServicePort": service_port,
    "Service": service,
    "ReplicationController": replication_controller,
    "Secret": secret,
    "PersistentVolume": persistent_volume,
    "Namespace": namespace,
    "LimitRangeItem": limit_range_item,
}
