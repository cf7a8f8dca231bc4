"""The deletion of a definition begins: it stays until its objects are gone.

Source: apiextensions-apiserver pkg/registry/customresourcedefinition/etcd.go.
"""

from kybern.api.resource import Object
from kybern.apiserver.custom import names
from kybern.apiserver.custom.definition import FINALIZER, GROUP, PLURAL

DEFINITIONS = f"{PLURAL}.{GROUP}"


def begin_deletion(definition: Object, now: str) -> bool:
    """Mark a definition when it is first deleted; False: it was marked before."""
    metadata = definition["metadata"]
    if metadata.get("deletionTimestamp"):
        return False
    metadata["deletionTimestamp"] = now
    finalizers = metadata.get("finalizers") or []
    if FINALIZER not in finalizers:
        metadata["finalizers"] = [*finalizers, FINALIZER]
    message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
    status = definition.get("status") or {}
    definition["status"] = names.terminating(status, True, "InstanceDeletionPending", message, now)
    return True
