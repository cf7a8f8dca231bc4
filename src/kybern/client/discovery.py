"""Which resources a server has: for controllers that act on all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kybern.api.types import ResourceName
from kybern.base.errors import StatusError
from kybern.client.client import Client

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@dataclass(frozen=True, slots=True)
class DiscoveredResource:
    """A resource in the preferred version of its group."""

    name: ResourceName
    verbs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found, and which group-versions could not be asked (`group/version: why`)."""

    resources: list[DiscoveredResource]
    failures: list[str]


async def discover(client: Client) -> Discovery:
    """Ask for every group; two requests where the server has aggregated discovery (1.26 and later). Raises KybernError
    when not even the groups are told."""
    resources: list[DiscoveredResource] = []
    failures: list[str] = []
    for root in ("/api", "/apis"):
        answer = await client.get_json(root, accept=AGGREGATED)
        if answer.get("kind") == "APIGroupDiscoveryList":
            for group in answer.get("items", ()):
                _aggregated(group, resources, failures)
            continue
        for group_version in _legacy_versions(answer):
            try:
                found = await client.get_json(f"{root}/{group_version}")
            except StatusError as error:
                failures.append(f"{group_version}: {error}")
                continue
            resources += _legacy(group_version, found.get("resources", ()))
    return Discovery(resources, failures)


def _aggregated(group: dict[str, Any], resources: list[DiscoveredResource], failures: list[str]) -> None:
    name = group.get("metadata", {}).get("name", "")
    seen: set[str] = set()
    for version in group.get("versions", ()):
        if version.get("freshness") == "Stale":
            failures.append(f"{name}/{version['version']}: stale")
        for each in version.get("resources", ()):
            if each["resource"] in seen:
                continue  # An earlier version is the preferred one.
            seen.add(each["resource"])
            kind = each.get("responseKind", {}).get("kind", "")
            resource = ResourceName(name, version["version"], each["resource"], kind, each.get("scope") == "Namespaced")
            resources.append(DiscoveredResource(resource, frozenset(each.get("verbs", ()))))


def _legacy_versions(answer: dict[str, Any]) -> Iterator[str]:
    yield from answer.get("versions", ())
    for group in answer.get("groups", ()):
        yield group["preferredVersion"]["groupVersion"]


def _legacy(group_version: str, found: Iterable[dict[str, Any]]) -> Iterator[DiscoveredResource]:
    group, _, version = group_version.rpartition("/")
    for each in found:
        if "/" not in each["name"]:
            resource = ResourceName(group, version, each["name"], each["kind"], bool(each["namespaced"]))
            yield DiscoveredResource(resource, frozenset(each.get("verbs", ())))
