"""Why a Pod is pending, waits, restarts, is not ready, has failed or does not go away."""

from kybern.why.answer import (
    Case,
    Json,
    Line,
    advice,
    conditions,
    evidence,
    fact,
    name_of,
    newest,
    witnesses,
)

EXIT_CODES = {
    1: "the program reported an error",
    2: "the program was called wrongly",
    126: "the command could not be executed",
    127: "the command was not found in the image",
    134: "the program aborted (SIGABRT)",
    137: "it was killed (SIGKILL)",
    139: "it crashed (SIGSEGV)",
    143: "it was asked to stop (SIGTERM)",
}
ASKED_TO_END = (0, 137, 143)
"""What a program's end looks like that was asked for."""
REMEDIES = (
    ("Insufficient", "Ask for less, free or add nodes, or give it a higher priority."),
    ("Too many pods", "The nodes hold as many Pods as they may: add nodes or raise maxPods."),
    ("untolerated taint", "Remove the taint, or give the Pod a toleration for it."),
    ("node affinity/selector", "Label a node to match, or loosen nodeSelector and node affinity."),
    ("were unschedulable", "Uncordon a node: kubectl uncordon NODE."),
    ("free ports", "Another Pod has the host port: use another one, or more nodes."),
    ("topology spread", "Add nodes in the emptier zones, raise maxSkew, or use ScheduleAnyway."),
    ("anti-affinity", "It keeps away from Pods that run there: add nodes, or make the rule preferred."),
    ("pod affinity rules", "No Pod that it wants to be near runs anywhere it may go."),
    ("unbound immediate", "Its PersistentVolumeClaim has no volume yet: look at the claim."),
    ("PersistentVolume", "Its volume can only be reached from nodes that do not take it."),
    ("no nodes available", "The cluster has no node: start one."),
)
WAITING = {
    "ImagePullBackOff": "the image cannot be pulled, and the next try is being waited for",
    "ErrImagePull": "the image cannot be pulled",
    "InvalidImageName": "the image's name is not valid",
    "ErrImageNeverPull": "the image is not on the node, and imagePullPolicy is Never",
    "CreateContainerConfigError": "something that its configuration names is missing",
    "CreateContainerError": "the runtime could not create it",
    "RunContainerError": "the runtime could not start it",
    "CrashLoopBackOff": "it keeps ending, and the next start is being waited for",
    "ContainerCreating": "its volumes, network and image are being prepared",
    "PodInitializing": "its init containers have not ended yet",
}


def explain(case: Case) -> list[Line]:
    """The most telling thing first."""
    pod = case.subject
    phase = pod.get("status", {}).get("phase") or "Pending"
    name = name_of(pod)
    lines: list[Line] = []
    if pod["metadata"].get("deletionTimestamp"):
        lines += _leaving(pod, name)
    elif not pod.get("spec", {}).get("nodeName"):
        lines += _homeless(case, name)
    elif phase == "Failed":
        lines += _failed(pod, name)
    elif phase == "Succeeded":
        lines.append(fact(f"Pod {name} has done its work: all containers ended with code 0.", "status"))
    containers = _containers(case)
    if not lines and not containers:
        lines += _well_or_starting(pod, name, phase)
    lines += containers + witnesses(case)
    return lines


def _homeless(case: Case, name: str) -> list[Line]:
    scheduled = conditions(case.subject).get("PodScheduled", {})
    if scheduled.get("reason") == "SchedulingGated" or case.subject["spec"].get("schedulingGates"):
        gates = ", ".join(gate["name"] for gate in case.subject["spec"].get("schedulingGates", []))
        return [
            fact(f"Pod {name} has no node: its scheduling gates hold it back ({gates}).", "spec"),
            advice("Whoever set the gates must remove them from spec.schedulingGates."),
        ]
    decision = newest(case, "kube-scheduler", ("Refused", "Waited", "Failed"))
    message = decision["message"] if decision else scheduled.get("message", "")
    if not message:
        scheduler = case.subject["spec"].get("schedulerName") or "default-scheduler"
        return [
            fact(f"Pod {name} has no node, and no scheduler has said anything about it yet.", "status"),
            advice(f"Is the scheduler that it asks for, {scheduler}, running?"),
        ]
    lines = [fact(f"Pod {name} has no node: the scheduler found none that can take it.", "status")]
    source = "decision of kube-scheduler" if decision else "condition PodScheduled"
    seen = (decision or {}).get("seen") or {}
    reasons: dict[str, int] = seen.get("reasons") or {}
    if reasons:
        total = seen.get("nodes", 0)
        for reason, count in sorted(reasons.items(), key=lambda each: -each[1]):
            lines.append(evidence(f"{count} of {total} nodes: {reason}", source))
    else:
        lines.append(evidence(message, source))
    if seen.get("nominated"):
        lines.append(evidence(f"It waits for Pods of lower priority to leave {seen['nominated']}.", source))
    lines += _remedies(" ".join(reasons) or message, seen.get("requests") or {})
    return lines


def _remedies(text: str, requests: dict[str, int]) -> list[Line]:
    lines = [advice(remedy) for trigger, remedy in REMEDIES if trigger in text]
    if "Insufficient" in text and requests:
        asked = ", ".join(_amount(resource, number) for resource, number in requests.items())
        lines.insert(0, evidence(f"It asks for {asked}.", "decision of kube-scheduler"))
    return lines


def _amount(resource: str, number: int) -> str:
    if resource == "cpu":
        return f"{number / 1000:g} cpu"
    if resource in ("memory", "ephemeral-storage"):
        return f"{number / 2**20:.0f} MiB of {resource}"
    return f"{number} {resource}"


def _leaving(pod: Json, name: str) -> list[Line]:
    meta = pod["metadata"]
    lines = [fact(f"Pod {name} is being deleted since {meta['deletionTimestamp']}.", "metadata")]
    if meta.get("finalizers"):
        lines.append(evidence(f"Finalizers hold it: {', '.join(meta['finalizers'])}.", "metadata"))
        lines.append(advice("The controllers that set these finalizers must finish; removing them by hand skips that."))
    disruption = conditions(pod).get("DisruptionTarget", {})
    if disruption.get("status") == "True":
        lines.append(evidence(f"{disruption.get('reason')}: {disruption.get('message')}", "condition DisruptionTarget"))
    return lines


def _failed(pod: Json, name: str) -> list[Line]:
    status = pod["status"]
    why = status.get("message") or status.get("reason") or "a container ended with an error and is not started again"
    return [fact(f"Pod {name} has failed: {why}", "status")]


def _containers(case: Case) -> list[Line]:
    status = case.subject.get("status", {})
    lines: list[Line] = []
    for each in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        lines += _container(each, case)
    return lines


def _container(status: Json, case: Case) -> list[Line]:
    name, restarts = status.get("name", ""), status.get("restartCount", 0)
    state = status.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    last = (status.get("lastState") or {}).get("terminated")
    lines: list[Line] = []
    if waiting:
        reason = waiting.get("reason", "")
        lines.append(fact(f"Container {name} is not running: {WAITING.get(reason, reason or 'it waits')}.", "status"))
        if waiting.get("message"):
            lines.append(evidence(waiting["message"], "status"))
        if "Image" in reason:
            lines.append(advice(f"Check that the image {status.get('image', '')} exists and may be pulled."))
    if ended and ended.get("exitCode"):
        lines.append(fact(f"Container {name} ended: {_ending(ended)}.", "status"))
    if last and restarts:
        times = "once" if restarts == 1 else f"{restarts} times"
        lines.append(fact(f"Container {name} was started again {times}; the last time {_ending(last)}.", "status"))
        lines += _after(last, name, case)
    if "running" in state and not status.get("ready"):
        lines += _unready(name, case)
    return lines


def _ending(ended: Json) -> str:
    if ended.get("reason") == "OOMKilled":
        return "it used more memory than its limit, and the kernel killed it (OOMKilled, exit code 137)"
    code = ended.get("exitCode", 0)
    meaning = EXIT_CODES.get(code, "it ended by itself" if code == 0 else "the program says what this code means")
    return f"it ended with exit code {code}: {meaning}"


def _after(last: Json, container: str, case: Case) -> list[Line]:
    decision = newest(case, "kubelet", ("Acted", "Failed", "Waited"))
    lines = [evidence(decision["message"], f"decision of {decision['component']}")] if decision else []
    if last.get("message"):
        lines.append(evidence(last["message"].strip()[-300:], "its last words"))
    if last.get("reason") == "OOMKilled":
        lines.append(advice("Raise resources.limits.memory, or find what uses the memory."))
    elif _was_ended_by_its_probe(last, case):
        lines.append(advice("The liveness probe failed: is its timeout too short, or the program stuck?"))
    else:
        meta = case.subject["metadata"]
        where = f"-n {meta.get('namespace', 'default')} {meta.get('name', '')}"
        lines.append(advice(f"Read what it wrote: kubectl logs {where} -c {container} --previous"))
    return lines


def _was_ended_by_its_probe(last: Json, case: Case) -> bool:
    """A program that ended in an error by itself was not, even if its probe had failed meanwhile."""
    if any(event.get("reason") == "Killing" and "failed liveness probe" in _text(event) for event in case.events):
        return True
    failed = any(event.get("reason") == "Unhealthy" and "Liveness" in _text(event) for event in case.events)
    return failed and last.get("exitCode", 0) in ASKED_TO_END


def _unready(name: str, case: Case) -> list[Line]:
    probes = [_text(event) for event in case.events if event.get("reason") == "Unhealthy"]
    lines = [fact(f"Container {name} runs, but is not ready: its probe has not succeeded.", "status")]
    return lines + [evidence(text, "event") for text in probes[-1:]]


def _text(event: Json) -> str:
    return str(event.get("message") or event.get("note") or "")


def _well_or_starting(pod: Json, name: str, phase: str) -> list[Line]:
    node, known = pod["spec"]["nodeName"], conditions(pod)
    if known.get("Ready", {}).get("status") == "True":
        return [fact(f"Pod {name} is running and ready on {node}.", "status")]
    for gate in pod["spec"].get("readinessGates", []):
        if known.get(gate["conditionType"], {}).get("status") != "True":
            return [fact(f"Pod {name} runs, but its readiness gate {gate['conditionType']} is not true.", "status")]
    lines = [fact(f"Pod {name} is {phase} on {node}, and not ready.", "status")]
    if not pod.get("status", {}).get("containerStatuses"):
        lines.append(evidence(f"The kubelet of {node} has reported no container yet.", "status"))
        lines.append(advice(f"Is the node well? kybern why node/{node}"))
    return lines
