"""Discovery: which groups, versions and resources there are, in the legacy and in the aggregated form.

Pure: from rows of `Resource` to the documents of https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kybern.api.registry import find
from kybern.api.resource import Resource, Subresource

Document = dict[str, Any]

AGGREGATED_V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""The content type of the aggregated form."""

GROUP_ORDER = (
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
)
"""Upstream's order (its API services' priorities); clients resolve ambiguous names by it. Others follow by name."""


def api_versions(server_address: str) -> Document:
    """`GET /api`. `server_address` is `host:port`, as the client may reach the server."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    }


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A version of a group that another server serves, and the entries of its APIResourceList."""

    group: str
    version: str
    entries: Sequence[Document]


def api_group_list(resources: Iterable[Resource], elsewhere: Iterable[Elsewhere] = ()) -> Document:
    """`GET /apis`."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(group, versions) for group, versions in _versions(resources, elsewhere).items() if group],
    }


def api_group(resources: Iterable[Resource], group: str, elsewhere: Iterable[Elsewhere] = ()) -> Document | None:
    """`GET /apis/GROUP`; None: there is no such group."""
    versions = _versions(resources, elsewhere).get(group)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)} if versions else None


def api_resource_list(resources: Iterable[Resource], group: str, version: str) -> Document | None:
    """`GET /api/v1` and `GET /apis/GROUP/VERSION`; None: there is no such version."""
    rows = [row for row in resources if (row.group, row.version) == (group, version)]
    if not rows:
        return None
    entries = [entry for row in sorted(rows, key=lambda row: row.plural) for entry in _entries(row)]
    document: Document = {"kind": "APIResourceList"}
    if group:
        document["apiVersion"] = "v1"
    return {**document, "groupVersion": rows[0].api_version, "resources": entries}


def aggregated(resources: Iterable[Resource], elsewhere: Iterable[Elsewhere] = (), *, core: bool) -> Document:
    """APIGroupDiscoveryList of `GET /api` (core) or `GET /apis`."""
    rows, others = list(resources), {(each.group, each.version): each for each in elsewhere}
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                _discovery_elsewhere(others[group, version])
                if (group, version) in others
                else _version_discovery(rows, group, version)
                for version in versions
            ],
        }
        for group, versions in _versions(rows, others.values()).items()
        if core == (not group)
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def storage_version_hash(group: str, version: str, kind: str) -> str:
    """Tells clients whether two resources are stored alike: eight bytes of a hash of the stored kind's name."""
    return b64encode(hashlib.sha256(f"{group}/{version}/{kind}".encode()).digest()[:8]).decode()


def _versions(resources: Iterable[Resource], elsewhere: Iterable[Elsewhere] = ()) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    rows: list[Resource | Elsewhere] = [*resources, *elsewhere]
    for row in rows:
        versions = found.setdefault(row.group, [])
        if row.version not in versions:
            versions.append(row.version)
    places = {group: place for place, group in enumerate(GROUP_ORDER)}
    ordered = sorted(found, key=lambda group: (places.get(group, len(places)), group))
    return {group: sorted(found[group], key=version_priority, reverse=True) for group in ordered}


def version_priority(version: str) -> tuple[int, int, int, str]:
    """A key that sorts versions as upstream does, the preferred last: v1alpha1 < v1beta1 < v1 < v2; odd names first."""
    for rank, mark in ((1, "alpha"), (2, "beta")):
        major, found, minor = version[1:].partition(mark)
        if found and major.isdigit() and minor.isdigit():
            return (rank, int(major), int(minor), "")
    if version[:1] == "v" and version[1:].isdigit():
        return (3, int(version[1:]), 0, "")
    return (0, 0, 0, version)


def _group(group: str, versions: Sequence[str]) -> Document:
    named = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": named, "preferredVersion": named[0]}


def _entries(row: Resource) -> Iterable[Document]:
    entry: Document = {
        "name": row.plural,
        "singularName": row.singular or row.kind.lower(),
        "namespaced": row.namespaced,
        "kind": row.kind,
        "verbs": list(row.verbs),
    }
    if row.short_names:
        entry["shortNames"] = list(row.short_names)
    if row.categories:
        entry["categories"] = list(row.categories)
    if row.stored and "create" in row.verbs:  # ComponentStatuses are made when asked.
        group, version = row.storage_version or (row.group, row.version)
        entry["storageVersionHash"] = storage_version_hash(group, version, row.kind)
    if row.verbs:
        yield entry
    ordered = row.subresources if row.is_custom else sorted(row.subresources, key=lambda each: each.name)
    for subresource in ordered:
        yield _subresource_entry(row, subresource)


def _subresource_entry(row: Resource, subresource: Subresource) -> Document:
    group, version, kind = subresource.group_version_kind or (row.group, row.version, row.kind)
    entry: Document = {"name": f"{row.plural}/{subresource.name}", "singularName": "", "namespaced": row.namespaced}
    if (group, version) != (row.group, row.version):
        entry |= {"group": group, "version": version}
    return {**entry, "kind": kind, "verbs": list(subresource.verbs)}


def _version_discovery(rows: Sequence[Resource], group: str, version: str) -> Document:
    chosen = sorted((row for row in rows if (row.group, row.version) == (group, version)), key=lambda row: row.plural)
    return {"version": version, "resources": [_resource_discovery(row) for row in chosen], "freshness": "Current"}


def _resource_discovery(row: Resource) -> Document:
    entry: Document = {
        "resource": row.plural,
        "responseKind": _response_kind(row),
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular or row.kind.lower(),
        "verbs": list(row.verbs),
    }
    if row.short_names:
        entry["shortNames"] = list(row.short_names)
    if row.categories:
        entry["categories"] = list(row.categories)
    if row.subresources:
        entry["subresources"] = [
            {
                "subresource": each.name,
                "responseKind": _subresource_kind(row, each),
                "verbs": list(each.verbs),
            }
            for each in sorted(row.subresources, key=lambda each: each.name, reverse=find(*_place(row)) is None)
        ]
    return entry


def _place(row: Resource) -> tuple[str, str, str]:
    return row.group, row.version, row.plural


def _response_kind(row: Resource) -> Document:
    """Upstream leaves out the group and version that say nothing new, but for custom resources."""
    built_in = find(*_place(row)) is not None
    return _kind("", "", row.kind) if built_in else _kind(row.group, row.version, row.kind)


def _subresource_kind(row: Resource, subresource: Subresource) -> Document:
    group, version, kind = subresource.group_version_kind or (row.group, row.version, row.kind)
    if (group, version) == (row.group, row.version):
        return {**_response_kind(row), "kind": kind}
    return _kind(group, version, kind)


def _discovery_elsewhere(other: Elsewhere) -> Document:
    """The aggregated form of legacy entries."""
    found: dict[str, Document] = {}
    for entry in other.entries:
        plural, _, subresource = str(entry.get("name", "")).partition("/")
        kind = _kind(entry.get("group") or other.group, entry.get("version") or other.version, entry.get("kind", ""))
        told: Document = {"responseKind": kind, "verbs": list(entry.get("verbs") or ())}
        if subresource:
            if plural in found:
                found[plural].setdefault("subresources", []).append({"subresource": subresource, **told})
            continue
        scope = "Namespaced" if entry.get("namespaced") else "Cluster"
        named = {key: entry[key] for key in ("shortNames", "categories") if entry.get(key)}
        singular = entry.get("singularName", "")
        found[plural] = {"resource": plural, "scope": scope, "singularResource": singular, **told, **named}
    return {"version": other.version, "resources": list(found.values()), "freshness": "Current"}


def _kind(group: str, version: str, kind: str) -> Document:
    return {"group": group, "version": version, "kind": kind}
