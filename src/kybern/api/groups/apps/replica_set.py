"""ReplicaSet."""

from kybern.api.groups.behaviour import Behaviour, checked_first, spec_changed
from kybern.api.groups.disabled_fields import drop_on_create, drop_on_update
from kybern.api.groups.replica_columns import replica_cells, replica_columns
from kybern.api.groups.workload_warnings import of_template
from kybern.api.selectors import format_struct
from kybern.api.validation.workloads import validate_replica_set, validate_replicas_status, validate_selector_update

BEHAVIOUR = {
    "ReplicaSet": Behaviour(
        columns=replica_columns("apps.v1.ReplicaSet"),
        cells=replica_cells(format_struct),
        generation=spec_changed,
        prepare_create=drop_on_create("spec", "template", "spec"),
        prepare_update=drop_on_update("spec", "template", "spec"),
        validate=lambda obj: list(validate_replica_set(obj)),
        validate_update=checked_first(validate_replica_set, validate_selector_update),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_replicas_status(new, old)),
        warnings=of_template("spec", "template"),
    )
}
