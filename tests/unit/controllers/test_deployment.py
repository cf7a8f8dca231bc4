"""The Deployment's decisions: a rollout simulated to its end, and single steps as data."""

import random
from collections.abc import Sequence

import msgspec
import pytest

from kybern.api.types.apps_v1 import (
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    DeploymentStrategy,
    ReplicaSet,
    ReplicaSetStatus,
    RollingUpdateDeployment,
)
from kybern.api.types.core_v1 import Container, PodSpec, PodTemplateSpec
from kybern.api.types.meta_v1 import LabelSelector, ObjectMeta
from kybern.base.clock import format_time
from kybern.client.plan import Plan
from kybern.controllers import deployment as controller
from kybern.controllers.deployment_revisions import make_new, template_hash
from kybern.controllers.deployment_sizes import REVISION, bounds, proportional, size

NOW = 1_800_000_000.0


def template(image: str) -> PodTemplateSpec:
    return PodTemplateSpec(
        metadata=ObjectMeta(labels={"app": "web"}), spec=PodSpec(containers=[Container(name="c", image=image)])
    )


def deployment(
    replicas: int = 3, image: str = "v1", surge: int | str = "25%", unavailable: int | str = "25%", kind: str = ""
) -> Deployment:
    rolling = RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    strategy = (
        DeploymentStrategy(type="Recreate")
        if kind == "Recreate"
        else DeploymentStrategy(type="RollingUpdate", rolling_update=rolling)
    )
    return Deployment(
        metadata=ObjectMeta(name="web", namespace="default", uid="d", generation=1),
        spec=DeploymentSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels={"app": "web"}),
            template=template(image),
            strategy=strategy,
            progress_deadline_seconds=600,
            revision_history_limit=2,
        ),
    )


class World:
    """Carries plans out on objects in memory, and plays the ReplicaSet controller and the kubelets at random."""

    def __init__(self, subject: Deployment, seed: int = 0) -> None:
        self.deployment = subject
        self.sets: dict[str, ReplicaSet] = {}
        self.random = random.Random(seed)
        self.now = NOW
        self.events: list[str] = []
        self.broken: set[str] = set()
        """Images whose Pods never get ready."""

    def step(self) -> Plan:
        plan = controller.decide(self.deployment, [*self.sets.values()], [], self.now)
        for update in plan.updates:
            self.put(update.obj)
            if update.done:
                self.events.append(update.done.message)
        for create in plan.creates:
            self.put(create.obj)
            if create.done:
                self.events.append(create.done.message)
        for delete in plan.deletes:
            del self.sets[delete.obj.metadata.name]
        for update in plan.status_updates:
            self.put(update.obj)
        return plan

    def put(self, obj: object) -> None:
        if isinstance(obj, Deployment):
            self.deployment = obj
            return
        assert isinstance(obj, ReplicaSet)
        if obj.metadata.name not in self.sets:
            meta = msgspec.structs.replace(
                obj.metadata, uid=obj.metadata.name, creation_timestamp=format_time(self.now), generation=1
            )
            obj = msgspec.structs.replace(obj, metadata=meta)
        self.sets[obj.metadata.name] = obj

    def nature(self) -> None:
        """Pods come, go and get ready, one at a time."""
        self.now += 1
        for name, each in self.sets.items():
            status = each.status
            replicas, available = status.replicas, status.available_replicas or 0
            image = each.spec.template.spec.containers[0].image if each.spec.template else ""
            if replicas < size(each):
                replicas += 1
            elif replicas > size(each):
                replicas -= 1
                available = min(available, replicas)
            elif available < replicas and image not in self.broken and self.random.random() < 0.5:
                available += 1
            new = ReplicaSetStatus(
                replicas=replicas,
                available_replicas=available,
                ready_replicas=available,
                terminating_replicas=0,
                observed_generation=1,
            )
            self.sets[name] = msgspec.structs.replace(each, status=new)

    def settle(self, steps: int = 300) -> None:
        for _ in range(steps):
            self.step()
            self.check()
            self.nature()

    def check(self) -> None:
        """The invariants of a rolling update."""
        surge, _ = bounds(self.deployment)
        assert sum(map(size, self.sets.values())) <= (self.deployment.spec.replicas or 0) + surge

    def change(self, **spec: object) -> None:
        meta = self.deployment.metadata
        self.deployment = msgspec.structs.replace(
            self.deployment,
            spec=msgspec.structs.replace(self.deployment.spec, **spec),
            metadata=msgspec.structs.replace(meta, generation=(meta.generation or 0) + 1),
        )

    def sizes(self) -> list[tuple[str, int]]:
        return sorted((each.spec.template.spec.containers[0].image, size(each)) for each in self.sets.values())  # type: ignore[union-attr]

    def condition(self, type: str) -> tuple[str, str]:
        found = next(each for each in self.deployment.status.conditions if each.type == type)
        return found.status, found.reason


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable"),
    [(3, "25%", "25%"), (10, "25%", "25%"), (4, 0, 1), (4, 1, 0), (5, "50%", "50%"), (1, 0, 0), (7, 10, 0)],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_rollout_ends_and_never_loses_too_many(
    replicas: int, surge: int | str, unavailable: int | str, seed: int
) -> None:
    world = World(deployment(replicas, "v1", surge, unavailable), seed)
    world.settle()
    assert world.sizes() == [("v1", replicas)]
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable")
    world.change(template=template("v2"))
    _, allowed = bounds(world.deployment)
    for _ in range(300):
        world.step()
        world.check()
        world.nature()
        available = sum(each.status.available_replicas or 0 for each in world.sets.values())
        assert available >= replicas - allowed, "the rollout took more away than maxUnavailable allows"
    assert world.sizes() == [("v1", 0), ("v2", replicas)]
    assert world.deployment.metadata.annotations[REVISION] == "2"
    assert world.condition("Available") == ("True", "MinimumReplicasAvailable")


def test_a_broken_image_stops_the_rollout_and_a_rollback_ends_it() -> None:
    world = World(deployment(4))
    world.settle(60)
    world.broken.add("v2")
    world.change(template=template("v2"))
    world.settle(60)
    assert world.sizes() == [("v1", 3), ("v2", 2)]
    assert world.condition("Available")[0] == "True"
    world.now += 601
    world.step()
    assert world.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    world.change(template=template("v1"))
    world.settle(60)
    assert world.sizes() == [("v1", 4), ("v2", 0)]
    assert world.deployment.metadata.annotations[REVISION] == "3"
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_scaling_events() -> None:
    world = World(deployment(3))
    world.settle(30)
    world.change(replicas=10)
    world.settle(30)
    world.change(replicas=3)
    world.settle(30)
    name = next(iter(world.sets))
    assert world.events == [
        f"Scaled up replica set {name} from 0 to 3",
        f"Scaled up replica set {name} from 3 to 10",
        f"Scaled down replica set {name} from 10 to 3",
    ]


def test_pause_holds_a_rollout_and_scaling_goes_on_in_proportion() -> None:
    world = World(deployment(10, surge=3, unavailable=2))
    world.settle(60)
    world.broken.add("v2")
    world.change(template=template("v2"))
    world.settle(20)
    assert world.sizes() == [("v1", 8), ("v2", 5)]
    world.change(paused=True, replicas=15)
    world.settle(20)
    assert world.sizes() == [("v1", 11), ("v2", 7)]
    assert world.condition("Progressing") == ("Unknown", "DeploymentPaused")


def test_recreate_waits_for_the_last_old_pod() -> None:
    world = World(deployment(3, kind="Recreate"))
    world.settle(30)
    world.change(template=template("v2"))
    for _ in range(30):
        world.step()
        sizes = dict(world.sizes())
        if sizes.get("v2"):
            old = [each for each in world.sets.values() if each.spec.template.spec.containers[0].image == "v1"]  # type: ignore[union-attr]
            assert all(each.status.replicas == 0 for each in old)
        world.nature()
    assert world.sizes() == [("v1", 0), ("v2", 3)]


def test_history_is_bounded() -> None:
    world = World(deployment(1))
    for version in range(6):
        world.change(template=template(f"v{version}"))
        world.settle(30)
    assert len(world.sets) == 3


def test_a_settled_world_is_left_alone() -> None:
    world = World(deployment(3))
    world.settle(60)
    assert world.step().writes == 0


def test_hash_is_stable_and_moves_with_collisions() -> None:
    first = template_hash(template("v1"), None)
    assert first == template_hash(template("v1"), None)
    assert len({first, template_hash(template("v2"), None), template_hash(template("v1"), 1)}) == 3
    made = make_new(deployment(), [], 3)
    assert made.metadata.name == f"web-{first}"
    assert made.spec.selector.match_labels == {"app": "web", "pod-template-hash": first}


def sized(*counts: tuple[str, int, int]) -> Sequence[ReplicaSet]:
    """(image, size, max-replicas annotation)."""
    made = []
    for number, (image, replicas, most) in enumerate(counts):
        each = make_new(deployment(image=image), [], replicas)
        each.metadata.uid = image
        each.metadata.creation_timestamp = format_time(NOW + number)
        each.metadata.annotations["deployment.kubernetes.io/max-replicas"] = str(most)
        made.append(each)
    return made


@pytest.mark.parametrize(
    ("wanted", "counts", "expected"),
    [
        (10, [("v2", 5, 5)], {"v2": 10}),
        (10, [("v1", 0, 5), ("v2", 0, 5)], {"v1": 0, "v2": 10}),
        (20, [("v1", 5, 10), ("v2", 5, 10)], {"v1": 10, "v2": 10}),
        (5, [("v1", 8, 10), ("v2", 2, 10)], {"v1": 4, "v2": 1}),
        (0, [("v1", 7, 10), ("v2", 3, 10)], {"v1": 0, "v2": 0}),
        (15, [("v1", 8, 10), ("v2", 2, 10)], {"v1": 12, "v2": 3}),
    ],
)
def test_proportional(wanted: int, counts: list[tuple[str, int, int]], expected: dict[str, int]) -> None:
    *old, new = sized(*counts)
    subject = deployment(wanted, surge=0, unavailable=1)
    subject.status = DeploymentStatus(replicas=10)
    sized_new, sized_old = proportional(subject, new, old)
    found = {each.metadata.uid: size(each) for each in [*sized_old, *([sized_new] if sized_new else [])]}
    assert found == expected
