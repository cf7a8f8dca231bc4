"""What may change of a Pod: a few fields of the spec, and each part through its own subresource."""

from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.addresses import parse_ip, validate_ip
from kybern.api.validation.core.affinity import validate_tolerations
from kybern.api.validation.core.pod import validate_image_spacing, validate_pod_and_spec
from kybern.api.validation.core.pod_claim_status import (
    validate_allocated_resources,
    validate_claim_statuses,
    validate_no_allocated_resources,
)
from kybern.api.validation.field import each_invalid, forbidden, immutable, invalid, required, sorted_map
from kybern.api.validation.internal_form import internal_form
from kybern.api.validation.unified_diff import internal_diff

_MIRROR = "kubernetes.io/config.mirror"
_POD_SPEC, _EPHEMERAL = "io.k8s.api.core.v1.PodSpec", "io.k8s.api.core.v1.EphemeralContainer"
_TERM = "io.k8s.api.core.v1.NodeSelectorTerm"
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_MAX_INT32 = 2**31 - 1
_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_pod_update(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    yield from validate_pod_and_spec(new)
    yield from _annotations(new, old)
    for group in ("containers", "initContainers"):
        if len(after.get(group) or ()) != len(before.get(group) or ()):
            yield forbidden(f"spec.{group}", "pod updates may not add or remove containers")
            return
        for index, container in enumerate(after.get(group) or ()):
            if not container.get("image"):
                yield required(f"spec.{group}[{index}].image")
            yield from validate_image_spacing(container, f"spec.{group}[{index}]")
    deadline = list(_deadline(after.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")))
    yield from deadline
    if deadline and after.get("activeDeadlineSeconds") is not None:
        return
    yield from _tolerations(after.get("tolerations") or (), before.get("tolerations") or ())
    yield from _scheduling_gates(after.get("schedulingGates") or (), before.get("schedulingGates") or ())
    yield from _unchanged(after, before)


def _annotations(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = (obj["metadata"].get("annotations") or {} for obj in (new, old))
    for key in before.keys() | after.keys():
        if after.get(key) == before.get(key):
            continue
        at, verb = f"metadata.annotations[{key}]", "add" if key not in before else "remove or update"
        if key.startswith(_APPARMOR):
            yield forbidden(at, f"may not {verb} AppArmor annotations")
        if key == _MIRROR:
            yield forbidden(at, f"may not {verb} mirror pod annotation")


def _deadline(new: int | None, old: int | None) -> Iterator[FieldError]:
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            yield invalid(path, None, "must not update from a positive integer to nil value")
    elif not 0 <= new <= _MAX_INT32:
        yield invalid(path, new, names.between(0, _MAX_INT32))
    elif old is not None and old < new:
        yield invalid(path, new, "must be less than or equal to previous value")


def _tolerations(new: Sequence[Object], old: Sequence[Object]) -> Iterator[FieldError]:
    """Existing ones stay, but for their seconds."""
    known = [{key: value for key, value in one.items() if key != "tolerationSeconds"} for one in new]
    for toleration in old:
        if {key: value for key, value in toleration.items() if key != "tolerationSeconds"} not in known:
            yield forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
            return
    yield from validate_tolerations(new, "spec.tolerations")


def _scheduling_gates(new: Sequence[Object], old: Sequence[Object]) -> Iterator[FieldError]:
    added = {gate.get("name") or "": index for index, gate in enumerate(new)}
    for gate in old:
        added.pop(gate.get("name") or "", None)
    for name, index in added.items():
        detail = f"only deletion is allowed, but found new scheduling gate '{name}'"
        yield forbidden(f"spec.schedulingGates[{index}].name", detail)


def _unchanged(after: Object, before: Object) -> Iterator[FieldError]:
    if after == before:
        return
    wanted = dict(after)
    for group in ("containers", "initContainers"):
        if wanted.get(group):
            pairs = zip(wanted[group], before[group], strict=True)
            wanted[group] = [{**container, "image": known.get("image", "")} for container, known in pairs]
    for key in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        wanted.pop(key, None)
        if key in before:
            wanted[key] = before[key]
    if (before.get("terminationGracePeriodSeconds") or 0) < 0 and wanted.get("terminationGracePeriodSeconds") == 1:
        wanted["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    if before.get("schedulingGates"):
        yield from _gated(wanted, before)
    if wanted != before:
        detail = (
            f"pod updates may not change fields other than {_UPDATABLE}\n{internal_diff(_POD_SPEC, before, wanted)}"
        )
        yield forbidden("spec", detail)


def _gated(wanted: Object, before: Object) -> Iterator[FieldError]:
    """A gated Pod's node constraints may still become tighter (KEP-3838); sets them back in `wanted`."""
    new, old = wanted.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    if new != old:
        if any(new.get(key) != value for key, value in old.items()):
            detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            yield invalid("spec.nodeSelector", sorted_map(wanted.get("nodeSelector")), detail)
        wanted.pop("nodeSelector", None)
        if "nodeSelector" in before:
            wanted["nodeSelector"] = before["nodeSelector"]
    affinity, known = wanted.get("affinity") or {}, before.get("affinity") or {}
    if affinity.get("nodeAffinity") != known.get("nodeAffinity"):
        yield from _node_affinity(affinity.get("nodeAffinity") or {}, known.get("nodeAffinity") or {})
        rest = {key: value for key, value in affinity.items() if key != "nodeAffinity"}
        if "nodeAffinity" in known:
            rest["nodeAffinity"] = known["nodeAffinity"]
        wanted.pop("affinity", None)
        if rest or "affinity" in before:
            wanted["affinity"] = rest


def _node_affinity(new: Object, old: Object) -> Iterator[FieldError]:
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    path = f"spec.affinity.nodeAffinity.{key}"
    terms, known = ((one.get(key) or {}).get("nodeSelectorTerms") or [] for one in (new, old))
    if not known:
        return
    if len(terms) != len(known):
        shown = (
            [internal_form(_TERM, term) for term in terms] if terms else (new.get(key) or {}).get("nodeSelectorTerms")
        )
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        yield invalid(f"{path}.nodeSelectorTerms", shown, detail)
        return
    for index, (term, before) in enumerate(zip(terms, known, strict=True)):
        for part in ("matchExpressions", "matchFields"):
            kept = before.get(part) or []
            if (term.get(part) or [])[: len(kept)] != kept or not any(before.values()):
                detail = "only additions are allowed (no mutations or deletions)"
                yield invalid(f"{path}.nodeSelectorTerms[{index}]", internal_form(_TERM, term), detail)
                break


def validate_pod_status_update(new: Object, old: Object) -> Iterator[FieldError]:
    status, before = new.get("status") or {}, old.get("status") or {}
    yield from _annotations(new, old)
    for index, condition in enumerate(status.get("conditions") or ()):
        kind, generation = condition.get("type") or "", condition.get("observedGeneration") or 0
        if generation < 0:
            path = f"status.conditions[{index}].observedGeneration"
            yield invalid(path, generation, "must be a non-negative integer")
        if kind not in ("PodScheduled", "Ready", "Initialized"):
            yield from each_invalid(f"status.conditions[{index}].Type", kind, names.qualified_name(kind))
    nominated = status.get("nominatedNodeName") or ""
    if nominated and nominated != before.get("nominatedNodeName"):
        yield from each_invalid("status.nominatedNodeName", nominated, names.dns_subdomain(nominated))
        if (old.get("spec") or {}).get("nodeName"):
            yield forbidden("status.nominatedNodeName", "may not be set on pods that are already bound to a node")
    if (status.get("observedGeneration") or 0) < 0:
        yield invalid("status.observedGeneration", status["observedGeneration"], "must be a non-negative integer")
    yield from immutable("status.qosClass", status.get("qosClass"), before.get("qosClass"))
    spec = old.get("spec") or {}
    yield from _transitions(status, before, "containerStatuses", spec)
    yield from _transitions(status, before, "initContainerStatuses", spec)
    claims, path = spec.get("resourceClaims") or (), "status.resourceClaimStatuses"
    yield from validate_claim_statuses(status.get("resourceClaimStatuses") or (), claims, path)
    yield from _addresses(status, before, "podIPs")
    hosts = status.get("hostIPs") or ()
    if hosts and (status.get("hostIP") or "") != (hosts[0].get("ip") or ""):
        yield invalid("status.hostIPs[0].ip", hosts[0].get("ip") or "", "must be equal to `hostIP`")
    yield from _addresses(status, before, "hostIPs")
    for group, key in (("containers", "containerStatuses"), ("initContainers", "initContainerStatuses")):
        yield from validate_allocated_resources(status.get(key) or (), spec.get(group) or (), f"status.{key}")
    ephemeral = status.get("ephemeralContainerStatuses") or ()
    yield from validate_no_allocated_resources(ephemeral, "status.ephemeralContainerStatuses")


def _transitions(status: Object, before: Object, key: str, spec: Object) -> Iterator[FieldError]:
    """What ended for good does not come back, unless one container's end has all of them begin anew (KEP-5532)."""
    rules = [
        rule
        for each in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
        for rule in each.get("restartPolicyRules") or ()
    ]
    if any(rule.get("action") == "RestartAllContainers" for rule in rules):
        return
    policy = spec.get("restartPolicy")
    group = "initContainers" if key.startswith("init") else "containers"
    own = {one["name"]: one for one in spec.get(group) or ()}
    current = {one.get("name"): one for one in status.get(key) or ()}
    for index, known in enumerate(before.get(key) or ()):
        ended = (known.get("state") or {}).get("terminated")
        container = own.get(known.get("name"), {})
        rule = container.get("restartPolicy") or policy
        restarts = rule == "Always" or (rule == "OnFailure" and ended is not None and ended.get("exitCode"))
        if ended is None or restarts or container.get("restartPolicyRules"):
            continue
        now = current.get(known.get("name"))
        if now is not None and (now.get("state") or {}).get("terminated") is None:
            yield forbidden(f"status.{key}[{index}].state", "may not be transitioned to non-terminated state")


def _addresses(status: Object, before: Object, key: str) -> Iterator[FieldError]:
    addresses = [one.get("ip", "") for one in status.get(key) or ()]
    known = [one.get("ip", "") for one in before.get(key) or ()]
    for index, address in enumerate(addresses):
        yield from validate_ip(f"status.{key}[{index}]", address, known)
    versions = {parsed.version for one in addresses if (parsed := parse_ip(one)) is not None}
    if len(addresses) > 1 and (len(versions) < 2 or len(addresses) > 2):
        shown = [{"IP": address} for address in addresses]
        yield invalid(f"status.{key}", shown, "may specify no more than one IP for each IP family")


def validate_ephemeral_containers_update(new: Object, old: Object) -> Iterator[FieldError]:
    yield from validate_pod_and_spec(new)
    if _MIRROR in (old["metadata"].get("annotations") or {}):
        yield forbidden("", "static pods do not support ephemeral containers")
        return
    current = {one.get("name"): one for one in (new.get("spec") or {}).get("ephemeralContainers") or ()}
    for known in (old.get("spec") or {}).get("ephemeralContainers") or ():
        name = known.get("name")
        if name not in current:
            yield forbidden("spec.ephemeralContainers", f'existing ephemeral containers "{name}" may not be removed\n')
        elif current[name] != known:
            diff = internal_diff(_EPHEMERAL, known, current[name])
            detail = f'existing ephemeral containers "{name}" may not be changed\n{diff}'
            yield forbidden("spec.ephemeralContainers", detail)
