"""The request as webhooks and expressions see it: an AdmissionRequest without its objects."""

from kybern.api.resource import Object, Resource
from kybern.apiserver.admission.attributes import Attributes


def admission_request(attributes: Attributes, wanted: Resource, obj: Object | None, old: Object | None) -> Object:
    """`obj` and `old` are in the version that is wanted."""
    asked = attributes.resource
    shown = obj if obj is not None else old
    request: Object = {
        "kind": _kind(shown, wanted),
        "resource": _resource(wanted),
        "requestKind": _kind(shown if wanted is asked else None, asked),
        "requestResource": _resource(asked),
    }
    if attributes.subresource:
        request["subResource"] = request["requestSubResource"] = attributes.subresource
    name = attributes.name or ((obj or {}).get("metadata") or {}).get("name") or ""
    if name:
        request["name"] = name
    namespace = name if attributes.group_resource == "namespaces" else attributes.namespace
    if namespace:
        request["namespace"] = namespace
    return request | {
        "operation": attributes.operation,
        "userInfo": attributes.user.info(),
        "dryRun": attributes.dry_run,
        "options": _options(attributes),
    }


def _options(attributes: Attributes) -> Object | None:
    """A patch shows what it comes to: CreateOptions or UpdateOptions; connections have none."""
    if attributes.operation == "CONNECT":
        return None
    kind = f"{attributes.operation.capitalize()}Options"
    return {**attributes.options(), "kind": kind, "apiVersion": "meta.k8s.io/v1"}


def _kind(obj: Object | None, resource: Resource) -> Object:
    """Subresources may have bodies of another kind."""
    if obj is not None and obj.get("kind") and obj.get("apiVersion"):
        group, _, version = obj["apiVersion"].rpartition("/")
        return {"group": group, "version": version, "kind": obj["kind"]}
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _resource(resource: Resource) -> Object:
    return {"group": resource.group, "version": resource.version, "resource": resource.plural}
