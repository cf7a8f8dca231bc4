"""The scale subresource: a Deployment's (ReplicaSet's, …) replicas as an autoscaling/v1 Scale.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v1/
"""

from collections.abc import Callable

from kybern.api.resource import Object, Resource
from kybern.api.schema import codec
from kybern.api.selectors import format_map, format_struct
from kybern.api.validation.field import invalid
from kybern.apiserver import answer, decode, status
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.patch import read_patch
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.transport.exchange import Response

SCALE = Resource("autoscaling", "v1", "Scale", "scales", True)


def scale_of(obj: Object) -> Object:
    """The Scale of an object that has replicas."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    scale: Object = {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"replicas": spec["replicas"]} if spec.get("replicas") else {},
        "status": {"replicas": (obj.get("status") or {}).get("replicas", 0)},
    }
    selector = spec.get("selector") or {}
    text = format_map(selector) if obj["kind"] == "ReplicationController" else format_struct(selector)
    if text and text != "<none>":
        scale["status"]["selector"] = text
    return scale


class ScaleView:
    """What admission sees of a write through this subresource."""

    def shown(self, obj: Object) -> Object:
        return scale_of(obj)

    def applied(self, obj: Object, shown: Object) -> Object:
        return {**obj, "spec": {**obj["spec"], "replicas": (shown.get("spec") or {}).get("replicas", 0)}}


def get_scale(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and the Scale."""
    version = served.find(call.info.namespace, call.info.name)
    if version is None:
        raise status.not_found(served.resource, call.info.name)
    return answer.document(call, scale_of(served.parse(version)))


async def update_scale(at: Surroundings, call: Call, served: Served) -> Response:
    """PUT: 200 and the Scale."""
    decode.check_write_options(call)
    scale = decode.body_object(call, served, codec("autoscaling/v1", "Scale"), SCALE)
    return await _write(at, call, served, lambda current: scale)


async def patch_scale(at: Surroundings, call: Call, served: Served) -> Response:
    """PATCH: 200 and the Scale."""
    decode.check_write_options(call)
    apply, operations = read_patch(call, served, SCALE)
    scales = codec("autoscaling/v1", "Scale")

    def change(current: Object) -> Object:
        scale, messages = scales.convert(apply(current, operations), decode.field_validation(call))
        call.warnings.extend(each for each in messages if each not in call.warnings)
        return scale

    return await _write(at, call, served, change)


async def _write(at: Surroundings, call: Call, served: Served, change: Callable[[Object], Object]) -> Response:
    attributes = attributes_of(call, served, "UPDATE", "scale")
    attributes.view = ScaleView()

    def edit(obj: Object) -> Object:
        scale = change(scale_of(obj))
        replicas = (scale.get("spec") or {}).get("replicas", 0)
        if replicas < 0:
            fault = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
            raise status.invalid(SCALE, call.info.name, [fault])
        obj["spec"]["replicas"] = replicas
        given = scale["metadata"].get("resourceVersion")
        if given:
            obj["metadata"]["resourceVersion"] = given
        else:
            obj["metadata"].pop("resourceVersion", None)
        return obj

    outcome = await update(at.life, served, edit, attributes, rules="")
    obj = served.parse(outcome.version) if outcome.version is not None else outcome.obj
    return answer.document(call, scale_of(obj))
