"""resource.k8s.io/v1."""

from typing import Any

Object = dict[str, Any]

V1: dict[str, Object] = {
    "ExactDeviceRequest": {"allocationMode": "ExactCount"},
    "DeviceSubRequest": {"allocationMode": "ExactCount"},
    "DeviceToleration": {"operator": "Equal"},
    "NodeAllocatableResourceMapping": {"allocationMultiplier": "1"},
}


def device_request(obj: Object) -> None:
    if obj["allocationMode"] == "ExactCount" and not obj.get("count"):
        obj["count"] = 1


V1_CODE = {"ExactDeviceRequest": device_request, "DeviceSubRequest": device_request}
