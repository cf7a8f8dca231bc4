"""Who may use devices of ResourceClaims as an administrator, bind claims, and tell of devices.

What upstream's strategy of ResourceClaims asks of the namespace and of the authoriser, in its words.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

from kybern.api.resource import FieldError, Object
from kybern.api.validation.field import forbidden
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import SERVICE_ACCOUNT_PREFIX, User
from kybern.base.errors import Forbidden

CLAIMS, TEMPLATES = "resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io"
ADMIN_LABEL = "resource.kubernetes.io/admin-access"
NODE_NAME = "authentication.kubernetes.io/node-name"
ON_OWN_NODE, ON_ANY_NODE = "associated-node:", "arbitrary-node:"


class DeviceAccess(Plugin):
    """Of claims, their templates and their status."""

    about = (CLAIMS, TEMPLATES)

    def __init__(self, lookup: Lookup, authorizer: Authorizer) -> None:
        self._lookup = lookup
        self._authorizer = authorizer

    async def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if obj is None:
            return
        if attributes.subresource == "status":
            faults = self._admin_faults(attributes.namespace, _newly_granted(obj, old))
            faults += [fault async for fault in self._status_faults(attributes, obj, old or {})]
        elif old is None:
            spec = obj["spec"]["spec"] if attributes.group_resource == TEMPLATES else obj["spec"]
            faults = self._admin_faults(attributes.namespace, _requested(spec))
        else:
            return  # What is asked for cannot be changed.
        if faults:
            raise status.invalid(attributes.resource, obj["metadata"].get("name", ""), faults)

    def _admin_faults(self, namespace: str, paths: Iterator[str]) -> list[FieldError]:
        path = next(paths, None)
        if path is None:
            return []
        labels = (self._lookup.get("namespaces", namespace) or {"metadata": {}})["metadata"].get("labels") or {}
        if labels.get(ADMIN_LABEL) == "true":
            return []
        why = f"admin access to devices requires the `{ADMIN_LABEL}: true` label on the containing namespace"
        return [forbidden(path, why)]

    async def _status_faults(self, attributes: Attributes, obj: Object, old: Object) -> AsyncIterator[FieldError]:
        new_status, old_status = obj.get("status") or {}, old.get("status") or {}
        verb = attributes.verb or "update"
        info = RequestInfo(True, verb, "", "resource.k8s.io", attributes.resource.version, "", "resourceclaims")
        if any(new_status.get(key) != old_status.get(key) for key in ("allocation", "reservedFor")):
            why = await self._refusal(attributes.user, replace(info, subresource="binding"))
            if why:
                changing = "changing status.allocation or status.reservedFor"
                needs = f'requires resource="resourceclaims/binding", verb="{verb}" permission'
                yield forbidden("status.allocation", f"{changing} {needs}: {why}")
        if not new_status.get("allocation"):
            return
        verbs = [ON_ANY_NODE + verb]
        if _is_on_node(attributes.user, _node_of(new_status["allocation"])):
            verbs.insert(0, ON_OWN_NODE + verb)
        driver_info = replace(info, subresource="driver", namespace=attributes.namespace)
        for driver in _changed_drivers(new_status, old_status):
            refusals = [
                await self._refusal(attributes.user, replace(driver_info, verb=each, name=driver)) for each in verbs
            ]
            if all(refusals):
                needs = f'requires resource="resourceclaims/driver", verb="[{" ".join(verbs)}]" permission'
                yield forbidden("status.devices", f"changing status.devices {needs}: {refusals[0]}")

    async def _refusal(self, user: User, info: RequestInfo) -> str:
        """Why not; "" when it is allowed."""
        try:
            waiting = self._authorizer.begin_check(user, info)
            if waiting is not None:
                await waiting
        except Forbidden as error:
            return str(error)
        return ""


def _requested(spec: Object) -> Iterator[str]:
    for index, request in enumerate((spec.get("devices") or {}).get("requests") or ()):
        if (request.get("exactly") or {}).get("adminAccess"):
            yield f"spec.devices.requests[{index}].adminAccess"


def _newly_granted(obj: Object, old: Object | None) -> Iterator[str]:
    if old is None or next(_granted(old), None) is None:
        yield from _granted(obj)


def _granted(claim: Object) -> Iterator[str]:
    devices = ((claim.get("status") or {}).get("allocation") or {}).get("devices") or {}
    for index, result in enumerate(devices.get("results") or ()):
        if result.get("adminAccess"):
            yield f"status.allocation.devices.results[{index}].adminAccess"


def _changed_drivers(new: Object, old: Object) -> Sequence[str]:
    """The drivers of devices that came, went, or are told of otherwise."""
    now, before = _told(new), _told(old)
    return sorted({device[0] for device in now.keys() | before.keys() if now.get(device) != before.get(device)})


def _told(claim_status: Object) -> dict[tuple[str, str, str, str], Object]:
    """By driver, pool, device and share."""
    return {
        (each["driver"], each["pool"], each["device"], each.get("shareID") or ""): each
        for each in claim_status.get("devices") or ()
    }


def _node_of(allocation: Object) -> str:
    """The one node that a claim's devices are on, as allocators write it."""
    terms = (allocation.get("nodeSelector") or {}).get("nodeSelectorTerms") or []
    if len(terms) != 1 or terms[0].get("matchExpressions"):
        return ""
    match terms[0].get("matchFields"):
        case [{"key": "metadata.name", "operator": "In", "values": [str(name)]}]:
            return name
    return ""


def _is_on_node(user: User, node: str) -> bool:
    return bool(node) and user.name.startswith(SERVICE_ACCOUNT_PREFIX) and dict(user.extra).get(NODE_NAME) == (node,)
