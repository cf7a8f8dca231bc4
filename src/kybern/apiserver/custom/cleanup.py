"""The end of a definition: marked with a finalizer when it is deleted, and gone only after all of its objects.

Source: apiextensions-apiserver pkg/registry/customresourcedefinition/etcd.go, pkg/controller/finalizer.
"""

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.custom import names
from kybern.apiserver.custom.definition import ESTABLISHED, FINALIZER
from kybern.apiserver.custom.reading import Raw
from kybern.apiserver.custom.resources import CustomResources
from kybern.apiserver.custom.served import CustomServed
from kybern.apiserver.objects.delete import DeleteOptions, delete
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.base.errors import NotFound, StatusError

POLL_SECONDS = 0.1
"""Between looks at what is left; most objects go at once."""
PATIENCE_SECONDS = 60.0
"""After this time the condition tells what holds the definition back, and all begins again."""


async def clean(life: Life, definitions: Served, resources: CustomResources, name: str) -> None:
    """Delete all objects, then take the finalizer away. Raises StatusError."""
    message = "CustomResource deletion is in progress"
    await _tell(life, definitions, name, is_true=True, reason="InstanceDeletionInProgress", message=message)
    installed = resources.get(name)
    if installed is None or not installed.definition.is_true(ESTABLISHED) or installed.cache is None:
        reason, message = "NeverEstablished", "resource was never established"
    else:
        try:
            await _delete_all(life, installed.served[installed.definition.storage_version])
        except StatusError as error:
            text = f"could not issue all deletes: {error}"
            await _tell(life, definitions, name, is_true=True, reason="InstanceDeletionFailed", message=text)
            raise
        if not await _is_empty(life, installed.served[installed.definition.storage_version]):
            text = "could not confirm zero CustomResources remaining: timed out waiting for the condition"
            await _tell(life, definitions, name, is_true=True, reason="InstanceDeletionCheck", message=text)
            raise StatusError(text)
        reason, message = "InstanceDeletionCompleted", "removed all instances"
    await _tell(life, definitions, name, is_true=False, reason=reason, message=message, lets_go=True)


async def _delete_all(life: Life, served: CustomServed) -> None:
    """As they are stored: a webhook that would convert them may be gone by now."""
    stored = Raw(served)
    for version in list(served.cache.objects.values()):
        attributes = Attributes("DELETE", served.resource, version.namespace, version.name)
        try:
            await delete(life, stored, DeleteOptions(), attributes)
        except NotFound:
            continue  # Someone else was quicker: it is gone.


async def _is_empty(life: Life, served: CustomServed) -> bool:
    """Wait until nothing is left; False: something holds on."""
    until = life.clock.monotonic() + PATIENCE_SECONDS
    while served.cache.objects:
        if life.clock.monotonic() > until:
            return False
        await life.clock.sleep(POLL_SECONDS)
    return True


async def _tell(
    life: Life, definitions: Served, name: str, *, is_true: bool, reason: str, message: str, lets_go: bool = False
) -> None:
    """Write the condition Terminating, and with the last word take the finalizer away."""
    now = life.timestamp()

    def edit(current: Object) -> Object:
        status = names.terminating(current.get("status") or {}, is_true, reason, message, now)
        metadata = dict(current["metadata"])
        if lets_go:
            metadata["finalizers"] = [each for each in metadata.get("finalizers") or () if each != FINALIZER]
        return {**current, "metadata": metadata, "status": status}

    attributes = Attributes("UPDATE", definitions.resource, "", name, subresource="status")
    await update(life, definitions, edit, attributes)
