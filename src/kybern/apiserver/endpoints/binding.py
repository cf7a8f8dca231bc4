"""POST of a Binding: the scheduler's word on where a Pod runs, at `pods/NAME/binding` and at `bindings`.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/binding-v1/ and, for the refusals,
pkg/registry/core/pod/storage.
"""

from kybern.api.resource import Object, Resource
from kybern.api.schema import codec
from kybern.api.validation.field import aggregate, not_supported, required
from kybern.apiserver import answer, decode, status
from kybern.apiserver.call import Call
from kybern.apiserver.commit import Changed
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.create import place
from kybern.apiserver.objects.update import ATTEMPTS, Preconditions
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, Unclassified
from kybern.transport.exchange import Response

PODS = ("", "v1", "pods")
BINDING = Resource("", "v1", "Binding", "pods/binding", True)
SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": status.CREATED}


async def bind_pod(at: Surroundings, call: Call, served: Served) -> Response:
    """201 and a Status."""
    decode.check_write_options(call)
    binding = decode.body_object(call, served, codec("v1", "Binding"), BINDING)
    pods = at.served[PODS]
    place(pods, binding["metadata"], call.info.namespace)
    name = binding["metadata"].get("name") or ""
    if call.info.name and name != call.info.name:
        raise BadRequest("name in URL does not match name in Binding object")
    _validate(binding)
    if not name:
        raise BadRequest("Name parameter required.")
    attributes = attributes_of(call, pods, "CREATE", "binding")
    attributes.name = name
    await at.life.admission.mutate(attributes, binding, None)
    await at.life.admission.validate(attributes, binding, None)
    for _ in range(ATTEMPTS):
        version = pods.find(call.info.namespace, name)
        if version is None:
            raise status.not_found(pods.resource, name)
        pod = pods.parse(version)
        wanted = _preconditions(binding, own_path=bool(call.info.name))
        wanted.check(pods, name, version, pod, dry_run=call.dry_run)
        _assign(pod, binding, at.life.timestamp())
        if call.dry_run:
            break
        try:
            await at.life.committer.put(pods, pod, expected=version.revision)
        except Changed:
            continue
        break
    else:
        raise status.conflict(BINDING, name)
    return answer.document(call, SUCCESS, status.CREATED)


def _validate(binding: Object) -> None:
    """Raises Unclassified: upstream answers with the faults as they are."""
    target = binding.get("target") or {}
    faults = []
    if target.get("kind") not in (None, "", "Node"):
        faults.append(not_supported("target.kind", target["kind"], ("Node", "<empty>")))
    if not target.get("name"):
        faults.append(required("target.name"))
    if faults:
        raise Unclassified(aggregate(faults))


def _preconditions(binding: Object, *, own_path: bool) -> Preconditions:
    """What the Pod must still be; the uid of a Binding of the collection `bindings` is made anew, as of any creation."""
    metadata = binding["metadata"]
    return Preconditions((metadata.get("uid") or None) if own_path else None, metadata.get("resourceVersion") or None)


def _assign(pod: Object, binding: Object, now: str) -> None:
    metadata, spec, name = pod["metadata"], pod["spec"], pod["metadata"]["name"]
    if metadata.get("deletionTimestamp"):
        raise status.conflict(BINDING, name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise status.conflict(BINDING, name, f'pod {name} is already assigned to node "{spec["nodeName"]}"')
    if spec.get("schedulingGates"):
        raise status.conflict(BINDING, name, f"pod {name} has non-empty .spec.schedulingGates")
    spec["nodeName"] = binding["target"]["name"]
    for key in ("annotations", "labels"):
        if binding["metadata"].get(key):
            metadata[key] = {**(metadata.get(key) or {}), **binding["metadata"][key]}
    _set_scheduled(pod.setdefault("status", {}), now)


def _set_scheduled(pod_status: Object, now: str) -> None:
    pod_status.pop("nominatedNodeName", None)  # Nothing is held for it elsewhere any more.
    conditions = list(pod_status.get("conditions") or ())
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    known = next((index for index, each in enumerate(conditions) if each["type"] == "PodScheduled"), len(conditions))
    if known < len(conditions) and conditions[known]["status"] == "True":
        scheduled["lastTransitionTime"] = conditions[known].get("lastTransitionTime")
    conditions[known : known + 1] = [scheduled]
    pod_status["conditions"] = conditions
