"""The scale subresource of custom resources: an autoscaling/v1 Scale read from and written to paths of the object.

Source: apiextensions-apiserver pkg/registry/customresource/etcd.go (ScaleREST).
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from kybern.api.fields import scale
from kybern.api.fields.managers import Entry
from kybern.api.resource import Object
from kybern.api.schema import codec
from kybern.api.structural.paths import NestedPath
from kybern.apiserver import answer, decode, status
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.apply import APPLY_PATCH, with_entries
from kybern.apiserver.endpoints.patch import patch_media, patched, read_patch
from kybern.apiserver.endpoints.scale import SCALE, Change, applying, tracked
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.tracking import FIELD
from kybern.apiserver.objects.update import check_name, update
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, InternalError
from kybern.transport.exchange import Response

UNSET = -(2**31)
"""Replicas that were never set, upstream's sign for it."""
_KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


class ScaleEndpoint:
    """`paths` is spec.versions[*].subresources.scale."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._spec = NestedPath(paths["specReplicasPath"])
        self._status = NestedPath(paths["statusReplicasPath"])
        selector = paths.get("labelSelectorPath")
        self._selector = NestedPath(selector) if selector else None
        self._replicas = tuple(f"f:{name}" for name in self._spec.names)

    def endpoints(self) -> Mapping[str, Callable[..., Any]]:
        return {"get": self.get, "update": self.update, "patch": self.patch}

    def get(self, at: Surroundings, call: Call, served: Served) -> Response:
        """200 and the Scale."""
        version = served.find(call.info.namespace, call.info.name)
        if version is None:
            raise status.not_found(served.resource, call.info.name)
        obj = served.parse(version)
        shown = self.shown(obj)
        if self._spec.get(obj) is None:
            why = f'the spec replicas field "{self._spec.text}" does not exist'
            raise InternalError(f"Internal error occurred: {why}", details={"causes": [{"message": why}]})
        return answer.document(call, shown)

    async def update(self, at: Surroundings, call: Call, served: Served) -> Response:
        """PUT: 200 and the Scale."""
        decode.check_write_options(call)
        sent = decode.body_object(call, served, codec("autoscaling/v1", "Scale"), SCALE)
        check_name(sent["metadata"], call.info.name)
        return await self._write(at, call, served, lambda current: tracked(at, call, served, current, sent))

    async def patch(self, at: Surroundings, call: Call, served: Served) -> Response:
        """PATCH: 200 and the Scale."""
        media = patch_media(call, served.resource)
        decode.check_write_options(call, applies=media == APPLY_PATCH)
        if media == APPLY_PATCH:
            return await self._write(at, call, served, applying(at, call))
        patch, scales = read_patch(call, media, SCALE), codec("autoscaling/v1", "Scale")
        return await self._write(
            at, call, served, lambda current: tracked(at, call, served, current, patched(call, scales, patch, current))
        )

    async def _write(self, at: Surroundings, call: Call, served: Served, change: Change) -> Response:
        attributes = attributes_of(call, served, "UPDATE", "scale")
        attributes.view = self

        def edit(obj: Object) -> Object:
            entries: list[Entry] = list(obj["metadata"].get(FIELD) or ())
            current = with_entries(self.shown(obj), scale.to_scale(entries, self._replicas))
            if self._spec.get(obj) is None:
                current["spec"] = {"replicas": UNSET}
            new = change(current)
            metadata = new["metadata"]
            self._set_replicas(obj, (new.get("spec") or {}).get("replicas", 0))
            if metadata.get("resourceVersion"):
                obj["metadata"]["resourceVersion"] = metadata["resourceVersion"]
            owners = scale.to_parent(entries, metadata.get(FIELD) or [], served.resource.api_version, self._replicas)
            return with_entries(obj, owners)

        outcome = await update(at.life, served, edit, attributes, rules="", tracks=False)
        obj = served.parse(outcome.version) if outcome.version is not None else outcome.obj
        return answer.document(call, self.shown(obj))

    def applied(self, obj: Object, shown: Object) -> Object:
        """What admission made of the Scale, in the object."""
        copied: Object = orjson.loads(orjson.dumps(obj))
        self._spec.set(copied, (shown.get("spec") or {}).get("replicas", 0))
        return copied

    def _set_replicas(self, obj: Object, replicas: int) -> None:
        if replicas == UNSET:
            raise BadRequest(f'the spec replicas field "{self._spec.text}" cannot be empty')
        obstacle = self._spec.set(obj, replicas)
        if obstacle:
            raise InternalError(obstacle)

    def shown(self, obj: Object) -> Object:
        """The Scale of an object. Raises InternalError where a path leads to what is no number, or no text."""
        for path, kind in ((self._spec, int), (self._status, int), (self._selector, str)):
            fault = path.fault(obj, kind) if path is not None else ""
            if fault:
                raise InternalError(fault)
        metadata, replicas = obj["metadata"], self._spec.get(obj)
        shown: Object = {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {key: metadata[key] for key in _KEPT if key in metadata},
            "spec": {"replicas": replicas} if replicas else {},
            "status": {"replicas": self._status.get(obj) or 0},
        }
        selector = self._selector.get(obj) if self._selector is not None else ""
        if selector:
            shown["status"]["selector"] = selector
        return shown
