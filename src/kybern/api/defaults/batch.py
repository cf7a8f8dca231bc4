"""batch/v1."""

from typing import Any

Object = dict[str, Any]

V1: dict[str, Object] = {
    "CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "PodFailurePolicyOnPodConditionsPattern": {"status": "True"},
}

_NO_LIMIT = 2**31 - 1


def job(obj: Object) -> None:
    """Only of Jobs: the template of a CronJob stays as it was written."""
    spec = obj["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", _NO_LIMIT if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    labels = spec["template"].get("metadata", {}).get("labels")
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = labels  # The same map, into which the server will write.


V1_CODE = {"Job": job}
