"""What the API server knows of one resource: a row of data and a few pure functions.

Objects are plain JSON dicts here (the API server's form); components use the typed structs in `api/types`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

STANDARD_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of an object, as upstream's `field.Error` words it."""

    reason: str
    """FieldValueRequired, FieldValueInvalid, FieldValueNotSupported, FieldValueDuplicate, FieldValueForbidden,
    FieldValueTooLong, FieldValueTooMany, FieldValueTypeInvalid, FieldValueNotFound, InternalError."""
    path: str
    """`spec.containers[0].name`, `metadata.labels`, …"""
    message: str
    """Without the path: `Invalid value: "A": a lowercase RFC 1123 label must …`, `Required value`."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the Table form (metav1.TableColumnDefinition)."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What the hooks may know of a write beside the objects."""

    now: float
    """Seconds since the epoch."""
    subresource: str = ""
    user: str = ""
    uid: str = ""
    groups: Sequence[str] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The rest of who asks, which requests of certificates tell their approver."""
    has_empties: Callable[[], bool] = bool
    """Whether the client sent empty lists or maps among what is desired, which decoding has dropped."""


def _same(obj: Object) -> Object:
    return obj


def _nothing(obj: Object, change: Change) -> None:
    return None


def _nothing_update(new: Object, old: Object, change: Change) -> None:
    return None


def _no_errors(obj: Object) -> Sequence[FieldError]:
    return ()


def _no_update_errors(new: Object, old: Object) -> Sequence[FieldError]:
    return ()


def _no_warnings(new: Object, old: Object | None) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Subresource:
    """`status`, `scale`, `binding`, `log`, …"""

    name: str
    verbs: Sequence[str]
    group_version_kind: tuple[str, str, str] | None = None
    """Of the body, where it is another kind than the resource's (Scale, Eviction, Binding, TokenRequest)."""
    prepare_update: Callable[[Object, Object, Change], None] = _nothing_update
    """Like Resource.prepare_update, for writes through this subresource."""
    validate_update: Callable[[Object, Object], Sequence[FieldError]] = _no_update_errors


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one group and version. The hooks change `obj`/`new` in place and read everything else only.

    Those that `registry` gives are whole (status dropped or kept, generation set and bumped), so that the caller runs
    the hook and nothing beside it. Writes through a subresource run the Subresource's hooks, not the Resource's."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    singular: str = ""
    short_names: Sequence[str] = ()
    categories: Sequence[str] = ()
    verbs: Sequence[str] = STANDARD_VERBS
    subresources: Sequence[Subresource] = ()
    columns: Sequence[Column] = ()
    """Without Name and Age columns only if upstream's table lacks them."""
    cells: Callable[[Object, float], Sequence[Any]] | None = None
    """(object, now) -> one cell for each column. None: Name and Created At."""
    internal_annotations: frozenset[str] = frozenset()
    """Annotations that carry fields which this version of the API has no place for: partial objects have them not."""
    row_conditions: Callable[[Object], Sequence[Object]] | None = None
    """Conditions of the object's row in a Table (metav1.TableRowCondition)."""
    selectable_fields: Mapping[str, Callable[[Object], str]] = field(default_factory=dict)
    """Field selectors besides metadata.name and metadata.namespace."""
    has_status: bool = False
    """A status that writes to the main resource never change and creation drops."""
    default: Callable[[Object], None] | None = None
    """Fills defaults that need code; runs on create, update and when stored objects are read, after the schema's."""
    prepare_create: Callable[[Object, Change], None] = _nothing
    """Drops what a client may not set, fills what the server decides, before admission."""
    prepare_update: Callable[[Object, Object, Change], None] = _nothing_update
    validate: Callable[[Object], Sequence[FieldError]] = _no_errors
    """Everything but metadata, which is checked for all alike."""
    validate_update: Callable[[Object, Object], Sequence[FieldError]] = _no_update_errors
    """Only what an update adds (immutability, …); `validate` runs as well, unless `validate_on_update` is off."""
    validate_on_update: bool = True
    """False where `validate_update` is all that upstream checks of an update."""
    validate_name: Callable[[str, bool], Sequence[str]] | None = None
    """(name, is a generateName prefix) -> messages. None: a DNS subdomain."""
    warnings: Callable[[Object, Object | None], Sequence[str]] = _no_warnings
    """(new, old or None) -> texts of Warning headers."""
    tolerated: Callable[[], Sequence[str]] = tuple
    """Texts of Warning headers: what the validation that has just ended let pass because it was so before."""
    deprecation: str = ""
    """The text of the Warning header of every answer, reads too."""
    is_custom: bool = False
    """Whether a CustomResourceDefinition made it."""
    stored: bool = True
    """False for reviews and other kinds that are only answered."""
    event_like: bool = False
    """Written without a trail in the store and expiring (Event) or renewed often (Lease)."""
    create_on_update: bool = False
    """PUT of a name that does not exist creates it."""
    unconditional_update: bool = True
    """An update without metadata.resourceVersion overwrites; False: it must be given."""
    storage_version: tuple[str, str] | None = None
    """(group, version) of the stored form where that is another: autoscaling/v1 -> v2, events.k8s.io/v1 -> v1."""
    to_storage: Callable[[Object], Object] = _same
    """This version's form -> the stored one's (a new top level; unchanged parts are shared)."""
    from_storage: Callable[[Object], Object] = _same
    stored_fields: Mapping[str, str] = field(default_factory=dict)
    """selectable_fields -> their names in the stored version, where those differ (events.k8s.io)."""

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`pods`, `deployments.apps`: how messages name the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural
