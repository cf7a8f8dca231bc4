"""networking.k8s.io/v1."""

from typing import Any

Object = dict[str, Any]

V1: dict[str, Object] = {
    "NetworkPolicyPort": {"protocol": "TCP"},
    "IngressClassParametersReference": {"scope": "Cluster"},
}


def network_policy_spec(obj: Object) -> None:
    if not obj.get("policyTypes"):
        obj["policyTypes"] = ["Ingress", "Egress"] if obj.get("egress") else ["Ingress"]


V1_CODE = {"NetworkPolicySpec": network_policy_spec}
