"""A Pod's DNS configuration, host aliases and the host's network."""

from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.addresses import validate_ip
from kybern.api.validation.field import each_invalid, invalid, required

_NAMESERVERS_LIMIT, _SEARCHES_LIMIT, _SEARCH_CHARACTERS = 3, 32, 2048


def validate_dns(config: Object | None, policy: str | None, path: str) -> Iterator[FieldError]:
    servers: Sequence[str] = (config or {}).get("nameservers") or ()
    if policy == "None":
        if config is None:
            yield required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not servers:
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield required(f"{path}.nameservers", detail)
            return
    if config is None:
        return
    if len(servers) > _NAMESERVERS_LIMIT:
        yield invalid(f"{path}.nameservers", servers, f"must not have more than {_NAMESERVERS_LIMIT} nameservers")
    for index, server in enumerate(servers):
        yield from validate_ip(f"{path}.nameservers[{index}]", server)
    yield from _searches(config.get("searches") or (), f"{path}.searches")
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            yield required(f"{path}.options[{index}]", "must not be empty")


def _searches(searches: Sequence[str], path: str) -> Iterator[FieldError]:
    if len(searches) > _SEARCHES_LIMIT:
        yield invalid(path, searches, f"must not have more than {_SEARCHES_LIMIT} search paths")
    if names.size(" ".join(searches)) > _SEARCH_CHARACTERS:
        limit = f"must not have more than {_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        yield invalid(path, searches, limit)
    for index, search in enumerate(searches):
        if search != ".":
            plain = search.removesuffix(".")
            yield from each_invalid(f"{path}[{index}]", plain, names.dns_subdomain_with_underscore(plain))


def validate_host_aliases(aliases: Sequence[Object], path: str) -> Iterator[FieldError]:
    for index, alias in enumerate(aliases):
        yield from validate_ip(f"{path}[{index}].ip", alias.get("ip") or "")
        for place, host in enumerate(alias.get("hostnames") or ()):
            yield from each_invalid(f"{path}[{index}].hostnames[{place}]", host, names.dns_subdomain(host))


def validate_host_network(spec: Object, path: str, *, is_pod: bool) -> Iterator[FieldError]:
    if not spec.get("hostNetwork"):
        return
    for index, container in enumerate(spec.get("containers") or ()):
        for place, port in enumerate(container.get("ports") or ()):
            host, inner = port.get("hostPort") or 0, port.get("containerPort") or 0
            if (is_pod or host) and host != inner:
                at = f"{path}.containers[{index}].ports[{place}].hostPort"
                yield invalid(at, host, "must match `containerPort` when `hostNetwork` is true")
