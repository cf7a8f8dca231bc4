"""admissionregistration.k8s.io/v1."""

from typing import Any

_WEBHOOK: dict[str, Any] = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}

V1: dict[str, dict[str, Any]] = {
    "ValidatingWebhook": _WEBHOOK,
    "MutatingWebhook": _WEBHOOK | {"reinvocationPolicy": "Never"},
    "ServiceReference": {"port": 443},
    "RuleWithOperations": {"scope": "*"},
    "NamedRuleWithOperations": {"scope": "*"},
    "MatchResources": {"namespaceSelector": {}, "objectSelector": {}, "matchPolicy": "Equivalent"},
    "ValidatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    "MutatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
}
