"""ReplicationController."""

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import status
from kybern.api.groups.disabled_fields import drop_on_create, drop_on_update
from kybern.api.groups.replica_columns import replica_cells, replica_columns
from kybern.api.groups.workload_warnings import of_template
from kybern.api.selectors import format_map
from kybern.api.validation.workloads import validate_replicas_status, validate_replication_controller

BEHAVIOUR = {
    "ReplicationController": Behaviour(
        columns=replica_columns("core.v1.ReplicationController"),
        cells=replica_cells(format_map),
        selectable_fields={"status.replicas": lambda obj: str(status(obj, "replicas"))},
        generation=spec_changed,
        prepare_create=drop_on_create("spec", "template", "spec"),
        prepare_update=drop_on_update("spec", "template", "spec"),
        validate=lambda obj: list(validate_replication_controller(obj)),
        validate_status=lambda new, old: list(validate_replicas_status(new, old)),
        warnings=of_template("spec", "template", of_old=True),
    )
}
