"""One cluster for all stories that leave it as they found it, and machines of their own for those that do not."""

import itertools
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from examples.images import write_images
from kybern.supervisor.requirements import find_missing
from tests.scenarios.machine import Machine
from tests.scenarios.vocabulary import WEB, Cluster, User

_numbers = itertools.count()
CLUSTERS = ("own_cluster", "cluster")
EVENTS_TOLD = 60


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A story that fails tells what its cluster looked like then."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for cluster in (item.funcargs[name] for name in CLUSTERS if name in item.funcargs):
            report.sections.append(("the cluster then", _state(cluster)))
    return report


def _state(cluster: Cluster) -> str:
    user = User(cluster.machine, "default")
    try:
        told = [user.types("kybern status"), user.kubectl("get nodes,pods -A -o wide")]
        events = user.kubectl("events -A").done
    except TimeoutError as late:
        return str(late)
    return "\n".join([*(str(each.done) for each in told), *str(events).splitlines()[-EVENTS_TOLD:]])


def _lacking() -> str:
    if sys.platform != "linux":
        return "no Linux"
    names = [missing.what for missing in find_missing() if not missing.optional]
    names += [name for name in ("unshare", "nsenter", "flock") if shutil.which(name) is None]
    return "; ".join(names)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The archives of examples/api-server.yaml's images: v1.4.2, v1.4.3 and v1.4.4, which crashes."""
    return write_images(tmp_path_factory.mktemp("images"))


def _machines() -> Iterator[Machine]:
    lacking = _lacking()
    if lacking:
        pytest.skip(f"no cluster can run here: it lacks {lacking}")
    machine = Machine(f"t{os.getpid()}-{next(_numbers)}")
    try:
        yield machine
    finally:
        machine.end()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine of this module's own, in which nothing runs yet; its power may be cut."""
    yield from _machines()


@pytest.fixture(scope="session")
def _shared_machine() -> Iterator[Machine]:
    yield from _machines()


@pytest.fixture(scope="session")
def cluster(_shared_machine: Machine, images: list[Path]) -> Cluster:
    """The cluster that all stories share, with the images. Each story keeps to its `user`'s namespace."""
    return _running(_shared_machine, images)


@pytest.fixture(scope="module")
def own_cluster(machine: Machine, images: list[Path]) -> Cluster:
    """A running cluster in this module's own machine, with the images; stories may break it."""
    return _running(machine, images)


def _running(machine: Machine, images: list[Path]) -> Cluster:
    cluster = Cluster(machine)
    cluster.up()
    cluster.imports(*images)
    return cluster


@pytest.fixture
def user(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[User]:
    """A user of the shared cluster, at home in a namespace of their own.

    Their kubectl is of the version that an indirect parameter names, 1.36 without one.
    """
    user = cluster.newcomer(getattr(request, "param", "1.36"))
    yield user
    user.kubectl(f"delete namespace {user.namespace} --wait=false")


@pytest.fixture(scope="module")
def resident(cluster: Cluster) -> Iterator[User]:
    """A user of the shared cluster for a whole module, in whose namespace a Deployment `web` of two Pods is ready."""
    user = cluster.newcomer()
    user.kubectl(f"create deployment web --image={WEB} --replicas=2 --port=8080").succeeds()
    user.kubectl("expose deployment web --port=80 --target-port=8080").prints("service/web exposed")
    user.kubectl("rollout status deployment/web").succeeds()
    yield user
    user.kubectl(f"delete namespace {user.namespace} --wait=false")
