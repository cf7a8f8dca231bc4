"""Fetches what an answer needs: the object, its decisions and events, and its relatives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kybern.base.errors import KybernError, NotFound
from kybern.client.answers import error_of
from kybern.client.client import Client
from kybern.client.transport import HttpRequest
from kybern.why import owners, pods
from kybern.why.answer import NO_TRACE, Case, Json, Line

DECISIONS = "/apis/kybern.dev/v1/decisions"


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind that can be asked about."""

    kind: str
    path: str
    namespaced: bool
    explain: Callable[[Case], list[Line]]

    @property
    def qualifiers(self) -> tuple[str, ...]:
        """What may follow the name: `apps`, `v1.apps`, `v1` or `v1.` (as kubectl takes them)."""
        group, _, version = self.path.removeprefix("/apis/").removeprefix("/api/").rpartition("/")
        return (group, f"{version}.{group}") if group else (version, f"{version}.")


TOPICS: Mapping[str, Topic] = {
    "pod": Topic("Pod", "/api/v1", True, pods.explain),
    "service": Topic("Service", "/api/v1", True, owners.explain_service),
    "node": Topic("Node", "/api/v1", False, owners.explain_node),
    "deployment": Topic("Deployment", "/apis/apps/v1", True, owners.explain_deployment),
    "statefulset": Topic("StatefulSet", "/apis/apps/v1", True, owners.explain_replicated),
    "daemonset": Topic("DaemonSet", "/apis/apps/v1", True, owners.explain_replicated),
    "replicaset": Topic("ReplicaSet", "/apis/apps/v1", True, owners.explain_replicated),
    "job": Topic("Job", "/apis/batch/v1", True, owners.explain_job),
}
ALIASES = {
    "po": "pod",
    "svc": "service",
    "no": "node",
    "deploy": "deployment",
    "sts": "statefulset",
    "ds": "daemonset",
    "rs": "replicaset",
}
WITH_PODS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Service")
"""Kinds whose selector picks the Pods that explain them."""


class UnknownTopic(KybernError):
    """Nothing can be said about this kind."""


def topic_of(kind: str) -> Topic:
    """By singular, plural or short name; with the group behind it (`deployment.apps`, `deployments.v1.apps`), or not.

    Raises UnknownTopic.
    """
    word, _, qualifier = kind.lower().partition(".")
    topic = TOPICS.get(ALIASES.get(word, word)) or TOPICS.get(word.removesuffix("s"))
    if topic is None or (qualifier and qualifier not in topic.qualifiers):
        raise UnknownTopic(f"cannot say why about {kind!r}: ask about {', '.join(TOPICS)}")
    return topic


async def ask(client: Client, kind: str, name: str, namespace: str) -> list[Line]:
    """The answer. Raises NotFound for the object itself, UnknownTopic."""
    topic = topic_of(kind)
    where = f"/namespaces/{namespace}" if topic.namespaced else ""
    plural = topic.kind.lower() + "s"
    subject = await _json(client, f"{topic.path}{where}/{plural}/{name}")
    scope = namespace if topic.namespaced else ""
    related = await _related(client, topic.kind, subject, namespace)
    decisions = await _decisions(client, topic.kind, name, scope)
    events = await _events(client, topic.kind, name, scope or "default")
    lines = topic.explain(Case(topic.kind, subject, decisions, events, related))
    return lines if decisions is not None else [*lines, NO_TRACE]


async def _decisions(client: Client, kind: str, name: str, namespace: str) -> list[Json] | None:
    subject = f"{kind}/{namespace}/{name}" if namespace else f"{kind}/{name}"
    try:
        answer = await _json(client, DECISIONS, subject=subject)
    except NotFound:
        return None
    items: list[Json] = answer.get("items") or []
    return sorted(items, key=lambda each: float(each.get("time") or 0))


async def _events(client: Client, kind: str, name: str, namespace: str) -> list[Json]:
    selector = f"involvedObject.kind={kind},involvedObject.name={name}"
    answer = await _json(client, f"/api/v1/namespaces/{namespace}/events", fieldSelector=selector)
    items: list[Json] = answer.get("items") or []
    return sorted(items, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))


async def _related(client: Client, kind: str, subject: Json, namespace: str) -> dict[str, list[Json]]:
    """The Pods that a selector picks, and a Service's EndpointSlices."""
    selected: dict[str, Any] = subject.get("spec", {}).get("selector") or {}
    labels: dict[str, str] = selected if kind == "Service" else selected.get("matchLabels") or {}
    related: dict[str, list[Json]] = {}
    if kind in WITH_PODS and labels:
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        answer = await _json(client, f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
        related["Pod"] = answer.get("items") or []
    if kind == "Service":
        selector = f"kubernetes.io/service-name={subject['metadata']['name']}"
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        related["EndpointSlice"] = (await _json(client, path, labelSelector=selector)).get("items") or []
    return related


async def _json(client: Client, path: str, **query: str) -> Json:
    """The parsed answer. Raises the Status that the server answers with."""
    answer = await client.transport.request(HttpRequest("GET", path, query))
    if answer.status >= 300:
        raise error_of(answer.status, answer.body)
    parsed: Json = orjson.loads(answer.body)
    return parsed
