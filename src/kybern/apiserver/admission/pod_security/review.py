"""Which Pods that are there already would not conform, when a namespace is to enforce more. Pure."""

from collections.abc import Iterable, Iterator
from itertools import islice

from kybern.api.resource import Object
from kybern.apiserver.admission.pod_security.policy import Standard
from kybern.apiserver.admission.pod_security.standards import evaluate

PODS_LIMIT = 3000
"""Upstream checks as many, one of each owner first."""


def review(namespace: str, enforce: Standard, pods: Iterable[Object]) -> list[str]:
    """Warnings: what is violated, with the first Pod's name and how many more there are."""
    ordered = list(_one_of_each_first(pods))
    found: dict[str, list[str]] = {}
    for pod in islice(ordered, PODS_LIMIT):
        findings = evaluate(enforce, pod["metadata"], pod["spec"])
        if findings:
            reason = ", ".join(finding.reason for finding in findings)
            found.setdefault(reason, []).append(pod["metadata"]["name"])
    warnings = []
    if len(ordered) > PODS_LIMIT:
        warnings.append(
            f"new PodSecurity enforce level only checked against the first {PODS_LIMIT} of {len(ordered)} existing pods"
        )
    if found:
        warnings.append(
            f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{enforce}"'
        )
    return warnings + sorted(_counted(reason, names) for reason, names in found.items())


def _counted(reason: str, names: list[str]) -> str:
    others = len(names) - 1
    if not others:
        return f"{names[0]}: {reason}"
    return f"{min(names)} (and {others} other pod{'s' if others > 1 else ''}): {reason}"


def _one_of_each_first(pods: Iterable[Object]) -> Iterator[Object]:
    seen: set[str] = set()
    later = []
    for pod in pods:
        owner = next(
            (each["uid"] for each in pod["metadata"].get("ownerReferences") or () if each.get("controller")), ""
        )
        if owner and owner in seen:
            later.append(pod)
        else:
            seen.add(owner)
            yield pod
    yield from later
