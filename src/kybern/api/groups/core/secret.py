"""Secret."""

import base64
from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Object
from kybern.api.validation.core.config import validate_secret, validate_secret_update

COLUMNS = (
    NAME,
    column("Type", "core.v1.Secret.type"),
    column("Data", "core.v1.Secret.data"),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], obj.get("type", ""), len(obj.get("data") or ()), age(obj, now)


def _warnings(new: Object, old: Object | None) -> Sequence[str]:
    """A TLS Secret whose key and certificate no server could use together."""
    if new.get("type") != "kubernetes.io/tls":
        return ()
    from kybern.api.validation.core.key_pair import key_pair_fault  # What it needs is slow to import.

    data = new.get("data") or {}
    fault = key_pair_fault(*(base64.b64decode(data.get(key) or "") for key in ("tls.crt", "tls.key")))
    return (fault,) if fault else ()


BEHAVIOUR = {
    "Secret": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"type": lambda obj: obj.get("type") or ""},
        validate=lambda obj: list(validate_secret(obj)),
        validate_update=lambda new, old: list(validate_secret_update(new, old)),
        warnings=_warnings,
    )
}
