"""Which objects a LIST or a WATCH is about: namespace, labels, fields."""

from dataclasses import dataclass, replace

from kybern.api.resource import Resource
from kybern.api.selectors import (
    EVERYTHING,
    FieldSelector,
    LabelSelector,
    SelectorError,
    check_fields,
    parse_fields,
    parse_labels,
)
from kybern.apiserver.cache.version import Version
from kybern.base.errors import BadRequest

_NO_FIELDS = FieldSelector()


@dataclass(frozen=True, slots=True)
class Selection:
    """Hashable: watchers that ask for the same share one check."""

    namespace: str = ""
    labels: LabelSelector = EVERYTHING
    fields: FieldSelector = _NO_FIELDS

    @property
    def everything(self) -> bool:
        """Whether no object of the namespace is left out."""
        return self.labels.everything and not self.fields.requirements

    def takes(self, version: Version) -> bool:
        if self.namespace and not version.key.startswith(self.namespace + "/"):
            return False
        if self.fields.requirements:
            fields = version.fields
            if not self.fields.matches(lambda name: fields.get(name, "")):
                return False
        return self.labels.everything or self.labels.matches(version.labels)

    def exact(self, field: str) -> str | None:
        """The value that the field selector demands of a field; None: it demands none."""
        return self.fields.required_value(field) if self.fields.requirements else None


def parsed_selection(namespace: str, labels: str, fields: str) -> Selection:
    """From the texts of a request, by fields that nobody has looked at yet. Raises BadRequest."""
    try:
        label_selector = parse_labels(labels) if labels else EVERYTHING
        field_selector = parse_fields(fields) if fields else _NO_FIELDS
    except SelectorError as error:
        raise BadRequest(str(error)) from None
    return Selection(namespace, label_selector, field_selector)


def with_known_fields(selection: Selection, resource: Resource) -> Selection:
    """For this kind; fields are named as they are stored. Raises BadRequest for those by which nobody can select."""
    if not selection.fields.requirements:
        return selection
    return replace(selection, fields=check_fields(selection.fields, resource))
