"""Why a Deployment, a Job or a Service does not do what it should, and what ails a Node."""

from kybern.why import pods
from kybern.why.answer import Case, Json, Line, advice, conditions, evidence, fact, name_of, newest, witnesses

SHOWN_PODS = 3
"""Pods of an owner that are explained one by one."""


def explain_deployment(case: Case) -> list[Line]:
    """Counts, the controller's own words, then the Pods that are not ready."""
    spec, status = case.subject.get("spec", {}), case.subject.get("status", {})
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    updated = status.get("updatedReplicas", 0)
    name, known = name_of(case.subject), conditions(case.subject)
    if spec.get("paused"):
        lines = [fact(f"Deployment {name} is paused: changes of its template are not rolled out.", "spec")]
        lines.append(advice(f"kubectl rollout resume deployment/{case.subject['metadata']['name']}"))
    elif ready >= wanted and updated >= wanted:
        return [fact(f"Deployment {name} is as it should be: {ready} of {wanted} Pods ready.", "status")]
    else:
        text = f"Deployment {name} has {ready} of {wanted} Pods ready; {updated} of {wanted} with the newest template."
        lines = [fact(text, "status")]
    for kind in ("ReplicaFailure", "Progressing"):
        condition = known.get(kind, {})
        if (kind == "ReplicaFailure") == (condition.get("status") == "True") and condition:
            lines.append(evidence(f"{condition.get('reason')}: {condition.get('message')}", f"condition {kind}"))
    return lines + _decided(case, "deployment-controller") + _unready_pods(case) + witnesses(case)


def explain_replicated(case: Case) -> list[Line]:
    """A StatefulSet, DaemonSet or ReplicaSet: counts, the controller's own words, then the Pods that are not ready."""
    spec, status = case.subject.get("spec", {}), case.subject.get("status", {})
    if case.kind == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    else:
        wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    name = name_of(case.subject)
    if ready >= wanted:
        return [fact(f"{case.kind} {name} is as it should be: {ready} of {wanted} Pods ready.", "status")]
    lines = [fact(f"{case.kind} {name} has {ready} of {wanted} Pods ready.", "status")]
    for kind, condition in conditions(case.subject).items():
        if kind == "ReplicaFailure" and condition.get("status") == "True":
            lines.append(evidence(f"{condition.get('reason')}: {condition.get('message')}", f"condition {kind}"))
    return lines + _decided(case, f"{case.kind.lower()}-controller") + _unready_pods(case) + witnesses(case)


def explain_job(case: Case) -> list[Line]:
    """Its end, or how far it is."""
    spec, status, known = case.subject.get("spec", {}), case.subject.get("status", {}), conditions(case.subject)
    name = name_of(case.subject)
    if known.get("Failed", {}).get("status") == "True":
        reason = known["Failed"]
        lines = [fact(f"Job {name} has failed: {reason.get('message') or reason.get('reason')}", "condition Failed")]
    elif known.get("Complete", {}).get("status") == "True":
        return [fact(f"Job {name} is complete: {_pods(status.get('succeeded', 0))} succeeded.", "status")]
    elif spec.get("suspend"):
        return [fact(f"Job {name} is suspended.", "spec"), advice("Set spec.suspend to false to start it.")]
    else:
        done, active, failed = (status.get(each, 0) for each in ("succeeded", "active", "failed"))
        lines = [fact(f"Job {name}: {_pods(done)} succeeded, {active} active, {failed} failed.", "status")]
    return lines + _decided(case, "job-controller") + _unready_pods(case) + witnesses(case)


def explain_service(case: Case) -> list[Line]:
    """Whether anything answers behind it."""
    spec, name = case.subject.get("spec", {}), name_of(case.subject)
    if spec.get("type") == "ExternalName":
        return [fact(f"Service {name} is only another name for {spec.get('externalName')}.", "spec")]
    ready = [
        endpoint
        for piece in case.related.get("EndpointSlice", [])
        for endpoint in piece.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready", True)
    ]
    if ready:
        count = f"{len(ready)} ready endpoint{'s' if len(ready) > 1 else ''}"
        return [fact(f"Service {name} has {count}.", "EndpointSlices")]
    lines = [fact(f"Service {name} has no ready endpoint: connections to it are refused.", "EndpointSlices")]
    if not spec.get("selector"):
        lines.append(evidence("It has no selector, so no controller makes endpoints for it.", "spec"))
        return [*lines, advice("Give it a selector, or make an EndpointSlice by hand.")]
    selector = ",".join(f"{key}={value}" for key, value in sorted(spec["selector"].items()))
    if not case.related.get("Pod"):
        lines.append(evidence(f"No Pod has the labels {selector}.", "spec.selector"))
        return [*lines, advice("Compare the selector with the labels of the Pods' template.")]
    known = case.related["Pod"]
    has = "has" if len(known) == 1 else "have"
    lines.append(evidence(f"{_pods(len(known))} {has} the labels {selector}; none is ready.", "Pods"))
    return lines + _decided(case, "endpoint-slice-controller") + _unready_pods(case)


def explain_node(case: Case) -> list[Line]:
    """Readiness, pressure, taints and cordons."""
    name, known = name_of(case.subject), conditions(case.subject)
    ready = known.get("Ready", {})
    lines: list[Line] = []
    if ready.get("status") == "True":
        lines.append(fact(f"Node {name} is ready.", "condition Ready"))
    elif ready.get("status") == "Unknown":
        lines.append(fact(f"Node {name} is silent since {ready.get('lastTransitionTime', '?')}.", "condition Ready"))
        lines.append(advice("Is its kubelet running, and can it reach the API server?"))
    else:
        lines.append(
            fact(f"Node {name} is not ready: {ready.get('message') or 'nothing is reported'}", "condition Ready")
        )
    for kind, condition in known.items():
        if kind != "Ready" and condition.get("status") == "True":
            lines.append(evidence(f"{kind}: {condition.get('message', '')}", f"condition {kind}"))
    spec = case.subject.get("spec", {})
    if spec.get("unschedulable"):
        lines.append(evidence("It is cordoned: new Pods stay away.", "spec"))
        lines.append(advice(f"kubectl uncordon {name}"))
    for taint in spec.get("taints", []):
        lines.append(evidence(f"Taint {taint['key']}={taint.get('value', '')}:{taint['effect']}", "spec"))
    return lines + _decided(case, "node") + witnesses(case)


def _decided(case: Case, component: str) -> list[Line]:
    decision = newest(case, component)
    if decision is None:
        return []
    idle = decision["verdict"] == "Nothing"
    text = "there is nothing for it to do until something changes" if idle else decision["message"]
    return [evidence(text, f"decision of {decision['component']}")]


def _pods(count: int) -> str:
    return "1 Pod" if count == 1 else f"{count} Pods"


def _unready_pods(case: Case) -> list[Line]:
    unready = [pod for pod in case.related.get("Pod", []) if not _is_ready(pod)]
    lines: list[Line] = []
    for pod in unready[:SHOWN_PODS]:
        lines += pods.explain(Case("Pod", pod, None))
    if len(unready) > SHOWN_PODS:
        lines.append(evidence(f"… and {len(unready) - SHOWN_PODS} more Pods that are not ready.", "Pods"))
    return lines


def _is_ready(pod: Json) -> bool:
    done = pod.get("status", {}).get("phase") == "Succeeded"
    return done or conditions(pod).get("Ready", {}).get("status") == "True"
