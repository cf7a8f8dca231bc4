"""The scale subresource: a Deployment's (ReplicaSet's, …) replicas as an autoscaling/v1 Scale.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v1/
"""

from collections.abc import Callable
from dataclasses import replace

from kybern.api.fields import scale, structure, update
from kybern.api.fields.managers import Entry, Writer
from kybern.api.fields.reset import STATUS
from kybern.api.fields.versions import Version
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Object, Resource
from kybern.api.schema import codec
from kybern.api.selectors import format_map, format_struct
from kybern.api.validation.field import invalid
from kybern.apiserver import answer, decode, status
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.apply import (
    APPLY_PATCH,
    applied_to,
    in_form,
    read_configuration,
    tell_repeated,
    with_entries,
)
from kybern.apiserver.endpoints.patch import patch_media, patched, read_patch
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.etcd_layout import place_of
from kybern.apiserver.objects.create import place
from kybern.apiserver.objects.tracking import FIELD
from kybern.apiserver.objects.update import check_name
from kybern.apiserver.objects.update import update as update_stored
from kybern.apiserver.served import Served
from kybern.base.errors import Conflict
from kybern.transport.exchange import Response

SCALE = Resource(
    "autoscaling",
    "v1",
    "Scale",
    "scales",
    True,
    columns=(
        replace(NAME, format=""),
        column("Desired", "autoscaling.v1.ScaleSpec.replicas", "integer"),
        column("Available", "autoscaling.v1.ScaleStatus.replicas", "integer"),
        AGE,
    ),
    cells=lambda scale, now: (
        scale["metadata"]["name"],
        scale["spec"].get("replicas", 0),
        scale["status"]["replicas"],
        age(scale, now),
    ),
)
_DEFINITION = "io.k8s.api.autoscaling.v1.Scale"

Change = Callable[[Object], Object]
"""The Scale as it is, with its own managedFields -> as it should be, with those it should have."""


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
    return answer.described(call, SCALE, scale_of(served.parse(version)), at.now())


def _version() -> Version:
    return Version(SCALE.api_version, structure.atom(_DEFINITION), STATUS, structure.zero(_DEFINITION))


async def update_scale(at: Surroundings, call: Call, served: Served) -> Response:
    """PUT: 200 and the Scale."""
    decode.check_write_options(call)
    sent = decode.body_object(call, served, codec("autoscaling/v1", "Scale"), SCALE)
    place(served, sent["metadata"], call.info.namespace)
    check_name(sent["metadata"], call.info.name)
    return await _write(at, call, served, lambda current: tracked(at, call, served, current, sent))


async def patch_scale(at: Surroundings, call: Call, served: Served) -> Response:
    """PATCH: 200 and the Scale."""
    media = patch_media(call, SCALE)
    decode.check_write_options(call, applies=media == APPLY_PATCH)
    scales = codec("autoscaling/v1", "Scale")
    if media == APPLY_PATCH:
        return await _write(at, call, served, applying(at, call))
    patch = read_patch(call, media, SCALE)
    return await _write(
        at, call, served, lambda current: tracked(at, call, served, current, patched(call, scales, patch, current))
    )


def applying(at: Surroundings, call: Call) -> Change:
    """An apply patch of a Scale. Raises BadRequest."""
    given = read_configuration(call)
    writer = Writer(given.manager, SCALE.api_version, at.life.timestamp(), "scale")

    def change(current: Object) -> Object:
        applied = applied_to(SCALE, _version(), current, list(current["metadata"].get(FIELD) or ()), given, writer)
        tell_repeated(call, given)
        return with_entries(in_form(codec("autoscaling/v1", "Scale"), applied.obj, given.config), applied.entries)

    return change


def tracked(at: Surroundings, call: Call, served: Served, current: Object, new: Object) -> Object:
    """The new Scale with the owners that an update leads to."""
    attributes = attributes_of(call, served, "UPDATE", "scale")
    writer = Writer(attributes.manager, SCALE.api_version, at.life.timestamp(), "scale")
    entries: list[Entry] = list(current["metadata"].get(FIELD) or ())
    return with_entries(new, update.updated(_version(), current, new, entries, writer))


def _other(call: Call, served: Served, uid: str, obj: Object) -> Conflict:
    """The Scale is of another object: a PUT asks the store for the uid, a PATCH is compared before."""
    metadata = obj["metadata"]
    why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}"
    if call.info.verb == "patch":
        return status.conflict(replace(served.resource, plural=f"{served.resource.plural}/scale"), call.info.name, why)
    key = f"/registry/{place_of(served.resource)}/{served.key(metadata['namespace'], metadata['name'])}"
    fault = f"invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {why}"
    return status.conflict(served.resource, call.info.name, f"StorageError: {fault}")


async def _write(at: Surroundings, call: Call, served: Served, change: Change) -> Response:
    attributes = attributes_of(call, served, "UPDATE", "scale")
    attributes.view = ScaleView()

    def edit(obj: Object) -> Object:
        entries: list[Entry] = list(obj["metadata"].get(FIELD) or ())
        new = change(with_entries(scale_of(obj), scale.to_scale(entries)))
        metadata = new["metadata"]
        place(served, metadata, call.info.namespace)
        check_name(metadata, call.info.name)
        replicas = (new.get("spec") or {}).get("replicas", 0)
        if replicas < 0:
            fault = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
            raise status.invalid(SCALE, call.info.name, [fault])
        uid = metadata.get("uid")
        if uid and uid != obj["metadata"]["uid"]:
            raise _other(call, served, uid, obj)
        obj["spec"]["replicas"] = replicas
        obj["metadata"]["resourceVersion"] = metadata.get("resourceVersion") or ""
        owners = scale.to_parent(entries, metadata.get(FIELD) or [], served.resource.api_version)
        return with_entries(obj, owners)

    outcome = await update_stored(at.life, served, edit, attributes, rules="", tracks=False)
    obj = served.parse(outcome.version) if outcome.version is not None else outcome.obj
    return answer.described(call, SCALE, scale_of(obj), at.now())
