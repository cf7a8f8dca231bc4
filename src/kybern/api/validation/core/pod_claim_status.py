"""What a Pod's status says of the resources that claims and devices gave to it (KEP-3063, KEP-4680)."""

from collections.abc import Iterator, Mapping, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import duplicate, each_invalid, forbidden, invalid, not_supported, required, too_long

_HEALTH = ("Healthy", "Unhealthy", "Unknown")
_MESSAGE_LIMIT = 1024
_CLAIM = "claim:"
_NO_CLAIM = (
    "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or "
    "'claim:<claimName>' if request is empty"
)


def validate_claim_statuses(statuses: Sequence[Object], claims: Sequence[Object], path: str) -> Iterator[FieldError]:
    known, seen = {claim.get("name") for claim in claims}, set()
    for index, status in enumerate(statuses):
        at, name, made = f"{path}[{index}]", status.get("name") or "", status.get("resourceClaimName")
        if name not in known:
            yield invalid(f"{at}.name", name, "must match the name of an entry in `spec.resourceClaims`")
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
        if made is not None:
            yield from each_invalid(f"{at}.resourceClaimName", made, names.dns_subdomain(made))


def validate_allocated_resources(
    statuses: Sequence[Object], containers: Sequence[Object], path: str
) -> Iterator[FieldError]:
    """Statuses of containers that are not there are not looked at."""
    known = {container.get("name"): container for container in reversed(containers)}
    for index, status in enumerate(statuses):
        container = known.get(status.get("name"))
        for place, allocated in enumerate(status.get("allocatedResourcesStatus") or ()):
            at = f"{path}[{index}].allocatedResourcesStatus[{place}]"
            if container is not None:
                yield from _asked_for(allocated.get("name") or "", container.get("resources") or {}, f"{at}.name")
            yield from _resources(allocated.get("resources") or (), f"{at}.resources")


def validate_no_allocated_resources(statuses: Sequence[Object], path: str) -> Iterator[FieldError]:
    """Ephemeral containers are given none."""
    for index, status in enumerate(statuses):
        if status.get("allocatedResourcesStatus"):
            yield forbidden(f"{path}[{index}].allocatedResourcesStatus", "must not be specified in container status")


def _asked_for(name: str, resources: Object, path: str) -> Iterator[FieldError]:
    if not name.startswith(_CLAIM):
        requests: Mapping[str, str] = resources.get("requests") or {}
        if name not in requests:
            yield invalid(path, name, "must match one of the container's resource requests")
        return
    claims = (
        f"{_CLAIM}{claim.get('name') or ''}{'/' if claim.get('request') else ''}{claim.get('request') or ''}"
        for claim in resources.get("claims") or ()
    )
    if name not in claims:
        yield invalid(path, name, _NO_CLAIM)


def _resources(resources: Sequence[Object], path: str) -> Iterator[FieldError]:
    seen = set()
    for index, resource in enumerate(resources):
        at, health, message = f"{path}[{index}]", resource.get("health") or "", resource.get("message")
        if health not in _HEALTH:
            yield not_supported(f"{at}.health", health, _HEALTH)
        if message == "":
            yield required(f"{at}.message", "must be non-empty if specified")
        elif message is not None and names.size(message) > _MESSAGE_LIMIT:
            yield too_long(f"{at}.message", _MESSAGE_LIMIT)
        identity = resource.get("resourceID") or ""
        if identity in seen:
            yield duplicate(f"{at}.resourceID", identity)
        seen.add(identity)
