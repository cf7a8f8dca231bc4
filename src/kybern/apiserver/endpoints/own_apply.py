"""What loops of this server apply, by server-side apply, as upstream's do: their conditions have an owner by name."""

from kybern.api.fields import apply
from kybern.api.fields.managers import Writer
from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.endpoints.apply import in_form, with_entries
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.tracking import FIELD
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served


async def apply_status(life: Life, served: Served, name: str, status: Object, manager: str) -> None:
    """Make `status` part of a cluster-scoped object, whoever owned it. Raises StatusError (NotFound, Conflict)."""
    row = served.resource
    config = {"kind": row.kind, "apiVersion": row.api_version, "metadata": {"name": name}, "status": status}
    version = served.fields_version("status")
    writer = Writer(manager, row.api_version, life.timestamp(), "status")

    def edit(live: Object) -> Object:
        entries = list(live["metadata"].get(FIELD) or ())
        applied = apply.apply(version, live, config, entries, writer, force=True)
        return with_entries(in_form(served.codec, applied.obj, config), applied.entries)

    await update(life, served, edit, Attributes("UPDATE", row, "", name, subresource="status"), tracks=False)
