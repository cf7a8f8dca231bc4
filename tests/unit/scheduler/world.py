"""Nodes, Pods and tables for the scheduler's tests, in few words."""

from random import Random
from typing import Any

from kybern.api.types import convert
from kybern.api.types.core_v1 import Node, Pod
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.pods import PodDecoder
from kybern.scheduler.shape import PodRequest

DECODER = PodDecoder()


def node(name: str, *, labels: dict[str, str] | None = None, taints: Any = (), **allocatable: Any) -> Node:
    """4 cores, 8 GiB and 10 Pods unless told otherwise; cordoned=True cordons it."""
    spec: dict[str, Any] = {"taints": list(taints), "unschedulable": allocatable.pop("cordoned", False)}
    images = allocatable.pop("images", [])
    resources = {"cpu": "4", "memory": "8Gi", "pods": "10"} | {key: str(value) for key, value in allocatable.items()}
    meta = {"name": name, "labels": {"kubernetes.io/hostname": name} | (labels or {})}
    return convert({"metadata": meta, "spec": spec, "status": {"allocatable": resources, "images": images}}, Node)


def pod(name: str, requests: dict[str, str] | None = None, *, on: str = "", **rest: Any) -> Pod:
    """A Pod with one container; `rest` goes into its spec, but for labels, namespace and status."""
    meta = {"name": name, "namespace": rest.pop("namespace", "default"), "uid": f"uid-{name}"}
    meta |= {"labels": rest.pop("labels", {})} | rest.pop("meta", {})
    status = rest.pop("status", {})
    container = {"name": "c", "image": "image", "resources": {"requests": requests or {}}}
    container["ports"] = [{"hostPort": port, "containerPort": port} for port in rest.pop("ports", [])]
    spec = {"containers": [container], "nodeName": on} | rest
    return convert({"metadata": meta, "spec": spec, "status": status}, Pod)


def request(*args: Any, **kwargs: Any) -> PodRequest:
    return DECODER.decode(pod(*args, **kwargs))


def table(nodes: list[Node], pods: list[Pod] = []) -> NodeTable:  # noqa: B006
    result = NodeTable(Random(1))
    for each in nodes:
        result.set_node(each)
    for running in pods:
        result.assign(DECODER.decode(running), running.spec.node_name)
    return result


def term(key: str, color: str, **rest: Any) -> dict[str, Any]:
    """A Pod affinity term for Pods of a colour."""
    return {"labelSelector": {"matchLabels": {"color": color}}, "topologyKey": key, **rest}


def required(side: str, *terms: dict[str, Any]) -> dict[str, Any]:
    return {side: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def node_required(*terms: dict[str, Any]) -> dict[str, Any]:
    selector = {"nodeSelectorTerms": list(terms)}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}
