"""What a client sent, where it differs from what decoding leaves of it: empty lists and maps.

Storing drops them. Before that upstream tells them in the messages of validation, and has their fields owned.
"""

from collections.abc import Callable, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.schema import empties
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.served import Served


def with_lists(served: Served, obj: Object, attributes: Attributes) -> Object:
    """The object with those empty lists that its encoding shows; where there are none, the object itself."""
    if attributes.sent is None or not attributes.sent_lists or served.resource.is_custom:
        return obj
    return empties.restored(served.codec.name, obj, attributes.sent(), encoded=True, unsent=True)


def told(
    faults: list[FieldError],
    served: Served,
    obj: Object,
    attributes: Attributes,
    judge: Callable[[Object], list[FieldError]],
) -> list[FieldError]:
    """The faults that `judge` found, in the words that it has for the object as it was sent.

    Go's semantic equality takes empty for none, so nothing else is a fault than before."""
    if not faults or attributes.sent is None or served.resource.is_custom:
        return faults
    whole = empties.restored(served.codec.name, obj, attributes.sent(), but=_kept(served, attributes))
    if whole is obj:
        return faults
    words = judge(whole)
    return words if list(map(_place, words)) == list(map(_place, faults)) else faults


def _place(fault: FieldError) -> tuple[str, str]:
    return fault.path, fault.reason


def has_empties(served: Served, obj: Object, attributes: Attributes) -> bool:
    """Whether decoding dropped anything of what is desired."""
    if attributes.sent is None or served.resource.is_custom:
        return False
    return empties.has_any(served.codec.name, obj, attributes.sent(), ("metadata", "status"))


def _kept(served: Served, attributes: Attributes) -> Sequence[str]:
    """What this write does not take from its client."""
    if attributes.subresource == "status":
        return ("spec",)
    return ("status",) if not attributes.subresource and served.resource.has_status else ()
