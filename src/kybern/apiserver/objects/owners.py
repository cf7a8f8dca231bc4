"""metadata.ownerReferences that name an owner twice: once is enough, and the client hears of it."""

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes

_WARNING = (
    ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, and may "
    "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {uids}"
)
_ADMITTED = " after mutating admission happens"


def single_owners(obj: Object, attributes: Attributes, *, admitted: bool) -> None:
    """Drop references that are there already; `admitted` says whether mutating plugins have run."""
    references = obj["metadata"].get("ownerReferences") or ()
    if len(references) < 2:
        return
    single: list[Object] = []
    repeated: list[str] = []
    for reference in references:
        if reference in single:
            repeated.append(reference.get("uid", ""))
        else:
            single.append(reference)
    if repeated:
        obj["metadata"]["ownerReferences"] = single
        attributes.warn(_WARNING.format(when=_ADMITTED if admitted else "", uids=", ".join(repeated)))
