"""Defaults that upstream's types declare beside their fields (`+default=`), which v3 documents tell.

What Go always encodes of an unset field is told too, but follows from the field's own marks (see `schemas`).
Source: the API's types.go.
"""

from collections.abc import Mapping
from typing import Any

_NAME = {"name": ""}
_ISCSI = {"iscsiInterface": "default"}
_RBD = {"keyring": "/etc/ceph/keyring", "pool": "rbd", "user": "admin"}
_SCALE_IO = {"fsType": "xfs", "storageMode": "ThinProvisioned"}
_CORE: dict[str, Mapping[str, Any]] = {
    "AzureDiskVolumeSource": {"cachingMode": "ReadWrite", "fsType": "ext4", "kind": "Shared", "readOnly": False},
    "ConfigMapEnvSource": _NAME,
    "ConfigMapKeySelector": _NAME,
    "ConfigMapProjection": _NAME,
    "ConfigMapVolumeSource": _NAME,
    "ContainerPort": {"protocol": "TCP"},
    "FileKeySelector": {"optional": False},
    "GRPCAction": {"service": ""},
    "ISCSIPersistentVolumeSource": _ISCSI,
    "ISCSIVolumeSource": _ISCSI,
    "LocalObjectReference": _NAME,
    "RBDPersistentVolumeSource": _RBD,
    "RBDVolumeSource": _RBD,
    "ReplicationControllerSpec": {"minReadySeconds": 0, "replicas": 1},
    "ScaleIOPersistentVolumeSource": _SCALE_IO,
    "ScaleIOVolumeSource": _SCALE_IO,
    "SecretEnvSource": _NAME,
    "SecretKeySelector": _NAME,
    "SecretProjection": _NAME,
    "ServicePort": {"protocol": "TCP"},
}
DECLARED: Mapping[str, Mapping[str, Any]] = {
    **{f"io.k8s.api.core.v1.{name}": fields for name, fields in _CORE.items()},
    "io.k8s.api.autoscaling.v1.ScaleSpec": {"replicas": 0},
    "io.k8s.api.resource.v1.DeviceToleration": {"operator": "Equal"},
    "io.k8s.api.resource.v1beta1.DeviceToleration": {"operator": "Equal"},
    "io.k8s.api.resource.v1beta2.DeviceToleration": {"operator": "Equal"},
    "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent": {"type": ""},
}
"""Definition -> field -> default."""
