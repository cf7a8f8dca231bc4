"""Properties: columns agree with a plain reference, a kept sheet with a new one, and no node is ever overfull."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from kybern.scheduler.config import Weights
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.placing import Placer
from kybern.scheduler.reasons import Refusal
from kybern.scheduler.selectors import Requirement
from kybern.scheduler.shape import PodRequest
from kybern.scheduler.sheet import INFEASIBLE, Sheet
from tests.effort import examples
from tests.unit.scheduler.world import node, request, required, table, term

COLOURS, ZONES = ("red", "green"), ("1", "2", "3", None)
CPUS = st.sampled_from(["0", "500m", "1", "2", "3"])
MEMORY = st.sampled_from(["0", "1Gi", "3Gi"])


@st.composite
def worlds(draw: st.DrawFn) -> NodeTable:
    nodes = []
    for index in range(draw(st.integers(1, 6))):
        zone = draw(st.sampled_from(ZONES))
        taints = [{"key": "k", "effect": "NoSchedule"}] if draw(st.integers(0, 4)) == 0 else []
        labels = {"zone": zone} if zone else {}
        nodes.append(node(f"n{index}", labels=labels, taints=taints, cpu=draw(st.integers(1, 4)), pods=4))
    return table(nodes)


@st.composite
def requests(draw: st.DrawFn, name: str = "p") -> PodRequest:
    colour = draw(st.sampled_from(COLOURS))
    rest = {}
    match draw(st.integers(0, 4)):
        case 0:
            rest["affinity"] = required("podAntiAffinity", term("zone", draw(st.sampled_from(COLOURS))))
        case 1:
            rest["affinity"] = required("podAffinity", term("zone", draw(st.sampled_from(COLOURS))))
        case 2:
            rest["nodeSelector"] = {"zone": "1"}
    resources = {"cpu": draw(CPUS), "memory": draw(MEMORY)}
    return request(name, resources, labels={"color": colour}, **rest)


def _matches(requirements: tuple[Requirement, ...] | None, labels: dict[str, str]) -> bool:
    return requirements is not None and all(labels.get(each.key) in each.values for each in requirements)


def reference(world: NodeTable, asking: PodRequest) -> set[str]:
    """The nodes that may take a Pod, by upstream's rules, one node and one Pod at a time (only what is drawn here)."""

    def near(zone: str, colour_of: PodRequest) -> bool:
        return any(
            _matches(each.group.selector, dict(colour_of.identity.labels))
            for each in colour_of.shape.affinity
            if zone == each.topology_key
        )

    result = set()
    running = list(world.pods.values())
    for name, row in world.rows.items():
        labels = world.labels[row]
        here = [other for other, place in running if place == row]
        if world.taint_sets[world.taints[row]] or not _matches(asking.shape.node_selector, dict(labels)):
            continue
        if len(here) + 1 > world.max_pods[row]:
            continue
        used = {key: sum(dict(p.shape.requests).get(key, 0) for p in here) for key, _ in asking.shape.requests}
        if any(used[key] + number > world.allocatable[key][row] for key, number in asking.shape.requests):
            continue
        zone = labels.get("zone")
        around = [other for other, place in running if zone and world.labels[place].get("zone") == zone]
        own = dict(asking.identity.labels)
        if any(_matches(t.group.selector, dict(o.identity.labels)) for t in asking.shape.anti_affinity for o in around):
            continue
        if any(_matches(t.group.selector, own) for o in around for t in o.shape.anti_affinity):
            continue
        for wanted in asking.shape.affinity:
            if zone and any(_matches(wanted.group.selector, dict(o.identity.labels)) for o in around):
                continue
            zoned = [o for o, place in running if world.labels[place].get("zone")]
            anywhere = any(_matches(wanted.group.selector, dict(o.identity.labels)) for o in zoned)
            if not (zone and not anywhere and near("zone", asking)):
                break
        else:
            result.add(name)
    return result


@settings(max_examples=examples(150))
@given(worlds(), st.data())
def test_columns_agree_with_the_reference(world: NodeTable, data: st.DataObject) -> None:
    placer = Placer(world)
    for index in range(data.draw(st.integers(1, 8))):
        asking = data.draw(requests(name=f"p{index}"))
        expected = reference(world, asking)
        kept = placer._sheet(asking.shape).keys_for(asking)
        fresh = Sheet(asking.shape, world, Weights()).keys_for(asking)
        assert {name for name, row in world.rows.items() if kept[row] != INFEASIBLE} == expected
        assert list(kept) == list(fresh)
        choice = placer.decide(asking)
        assert isinstance(choice, Refusal) == (not expected)
        if not isinstance(choice, Refusal):
            assert choice[0] in expected
            world.assign(asking, choice[0])
            row = world.rows[choice[0]]
            for resource, column in world.allocatable.items():
                assert world.column(world.requested, resource)[row] <= column[row] or not dict(
                    asking.shape.requests
                ).get(resource)
            assert world.pod_count[row] <= world.max_pods[row]
        if data.draw(st.booleans()) and world.pods:
            world.unassign(next(iter(world.pods)))


def test_removed_nodes_take_nothing_and_their_pods_come_back_with_them() -> None:
    world = table([node("a"), node("b")])
    placer = Placer(world)
    world.assign(request("x", {"cpu": "4"}), "a")
    world.remove_node("b")
    assert isinstance(placer.decide(request("p", {"cpu": "1"})), Refusal)
    world.remove_node("a")
    world.set_node(node("a"))
    assert isinstance(placer.decide(request("p", {"cpu": "1"})), Refusal)
    world.unassign(("default", "x"))
    assert placer.decide(request("p", {"cpu": "1"}))[0] == "a"  # type: ignore[index]


def test_a_table_grows() -> None:
    world = table([node(f"n{index}") for index in range(300)])
    alone = {"affinity": required("podAntiAffinity", term("kubernetes.io/hostname", "red")), "labels": {"color": "red"}}
    asking = request("p", **alone)
    placer, taken = Placer(world), set()
    for index in range(300):
        choice = placer.decide(asking)
        assert not isinstance(choice, Refusal)
        taken.add(choice[0])
        world.assign(request(f"p{index}", **alone), choice[0])
        if index == 100:
            world.set_node(node("late", cpu=0, pods=0))
    assert len(taken) == 300


def test_a_full_node_is_full_for_pods_that_look_at_others_too() -> None:
    world = table([node(f"n{index}", pods=1) for index in range(12)])
    rule = {"affinity": required("podAntiAffinity", term("zone", "red"))}
    placer, taken = Placer(world), set()
    for index in range(12):
        asking = request(f"p{index}", **rule)
        choice = placer.decide(asking)
        assert not isinstance(choice, Refusal)
        world.assign(asking, choice[0])
        taken.add(choice[0])
    assert len(taken) == 12
    assert isinstance(placer.decide(request("p12", **rule)), Refusal)


def test_lots_are_drawn_by_seed() -> None:
    names = {Placer(_empty(seed)).decide(request("p"))[0] for seed in range(20)}  # type: ignore[index]
    assert len(names) > 1


def _empty(seed: int) -> NodeTable:
    world = NodeTable(Random(seed))
    for name in "abcdef":
        world.set_node(node(name))
    return world
