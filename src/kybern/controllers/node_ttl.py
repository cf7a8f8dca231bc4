"""Tells Nodes for how long kubelets may keep Secrets and ConfigMaps before they ask again: the larger the cluster, the
longer (pkg/controller/ttl). The steps overlap, so that a cluster whose size wavers does not change all its Nodes."""

from dataclasses import dataclass

from kybern.api.types.core_v1 import Node
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Patch, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "ttl-controller"
TTL = "node.alpha.kubernetes.io/ttl"
WATCHES = watch(Node)


@dataclass(frozen=True, slots=True)
class Step:
    fewest: int
    """Nodes below which the step before holds."""
    most: int | None
    """Nodes above which the next step holds; None: it is the last."""
    seconds: int


STEPS = (Step(0, 100, 0), Step(90, 500, 15), Step(450, 1000, 30), Step(900, 2000, 60), Step(1800, None, 300))


def controller() -> Controller:
    return Controller(NAME, WATCHES, NodeTtl().reconcile)


@dataclass(slots=True)
class NodeTtl:
    step: int = 0
    """Which of the steps holds, by the way that the size came."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Write the Node's annotation if it is another."""
        node = cluster.get(Node, key)
        self.step = next_step(self.step, len(cluster.list(Node)))
        if node is None:
            return Done()
        return await cluster.apply(decide(node, STEPS[self.step].seconds))


def next_step(step: int, nodes: int) -> int:
    """Pure: the step for a number of Nodes, coming from another."""
    while (most := STEPS[step].most) is not None and nodes > most:
        step += 1
    while nodes < STEPS[step].fewest:
        step -= 1
    return step


def decide(node: Node, seconds: int) -> Plan:
    """Pure."""
    plan = Plan(node)
    if node.metadata.annotations.get(TTL) != str(seconds):
        plan.patches.append(Patch(node, {"metadata": {"annotations": {TTL: str(seconds)}}}))
        plan.decide(Verdict.ACTED, "Annotated", f"what kubelets cache may be {seconds} s old")
    return plan
