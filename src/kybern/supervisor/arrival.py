"""Waits until a cluster that was started is there: containerd, the API, the nodes, then what was applied to it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kybern.base.clock import parse_time
from kybern.base.errors import KybernError, StatusError
from kybern.client.client import Client
from kybern.client.kubeconfig import KubeconfigError, client_from_kubeconfig
from kybern.client.transport import HttpRequest
from kybern.supervisor import containerd
from kybern.supervisor.addons import addons
from kybern.supervisor.cluster import Options
from kybern.supervisor.convergence import look
from kybern.supervisor.former_nodes import forget_node, former_nodes
from kybern.supervisor.identity import SUPERVISOR, read_record
from kybern.supervisor.layout import API_PORT
from kybern.supervisor.logs import Logs
from kybern.supervisor.manifests import Applied, Applier, Manifest
from kybern.supervisor.progress import Progress

READY_SECONDS = 60.0
"""How long the API server and the nodes may take."""
CONVERGE_SECONDS = 180.0
ASK_SECONDS = 20.0
"""What takes connections and gives no answer is asked again after so long."""
POLL_SECONDS = 0.05
OBJECT_POLL_SECONDS = 0.2
NAMESPACE_SECONDS = 15.0
FAILURES_LIMIT = 3
"""A program that fails so often is not waited for any longer."""
DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class NotThere(Exception):
    """Something did not come up; the message says what, and what the log of it says."""


@dataclass
class Arrival:
    """The way of one `kybern up`, told to a person."""

    options: Options
    progress: Progress
    alive: Callable[[], bool]
    """Whether the supervisor still runs."""
    logs: Logs
    """What is said since this `kybern up` began."""
    since: float = 0.0
    """Seconds since the epoch: what a node said before this is of an earlier start, and does not count."""
    began: float = field(default_factory=time.monotonic)

    async def cluster(self) -> Client:
        """Wait for the control plane and all nodes; a client of the administrator. Raises NotThere."""
        client = await self._api()
        await self._addons(client)
        if not self.options.cri_socket:
            await self._containerd()
        await self._nodes(client)
        await self._former_nodes(client)
        await self._controllers(client)
        return client

    async def _until(self, what: str, holds: Callable[[], Any], *programs: str, seconds: float = READY_SECONDS) -> Any:
        """Ask `holds` (a coroutine function) until it gives something true, or one of `programs` only fails.

        Raises NotThere.
        """
        deadline = self.progress.seconds + seconds
        self.progress.now(f"waiting for {what}")
        while self.progress.seconds < deadline:
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    found = await holds()
            except TimeoutError:
                found = None
            if found:
                return found
            if not self.alive():
                raise NotThere(f"the supervisor ended; {self.logs.last_words(SUPERVISOR)}")
            self._refuse_failing(what, programs)
            await asyncio.sleep(POLL_SECONDS)
        raise NotThere(f"{what} did not come within {seconds:.0f} s; {self.logs.last_words(*programs, SUPERVISOR)}")

    def _refuse_failing(self, what: str, programs: Sequence[str]) -> None:
        """Raises NotThere when one of these programs has failed again and again, the last time just now."""
        record = read_record()
        failures = record.failures if record is not None else {}
        for name in programs:
            failure = failures.get(name)
            if failure is not None and failure.times >= FAILURES_LIMIT and failure.at > self.began:
                words = self.logs.last_words(name, SUPERVISOR)
                raise NotThere(f"{what} does not come: {name} {failure.how}, {failure.times} times; {words}")

    async def _api(self) -> Client:
        path = self.options.layout.admin_kubeconfig

        async def connected() -> Client | None:
            try:
                client = client_from_kubeconfig(str(path), user_agent="kybern")
            except KubeconfigError:
                return None
            try:
                answer = await client.transport.request(HttpRequest("GET", "/readyz"))
            except KybernError:
                await client.close()
                return None
            if answer.status == 200:
                return client
            await client.close()
            return None

        client: Client = await self._until("the API server", connected, "apiserver")
        self.progress.done(f"API server at https://127.0.0.1:{API_PORT}")
        return client

    async def _addons(self, client: Client) -> None:
        applier = Applier(client, "kube-system")

        async def applied() -> bool:
            try:
                for manifest in addons(self.options.layout):
                    await applier.apply(manifest)
            except KybernError as error:
                self.progress.now(f"waiting for the namespace kube-system: {error}")
                return False
            return True

        await self._until("the cluster's own objects", applied)

    async def _containerd(self) -> None:
        for node in self.options.layout.nodes:

            async def listening(path: str = str(node.socket)) -> bool:
                try:
                    _, writer = await asyncio.open_unix_connection(path)
                except OSError:
                    return False
                writer.close()
                return True

            name = node.program
            await self._until(f"containerd of {node.name}", listening, f"containerd-{name}", f"images-{name}")
        version = ".".join(map(str, await asyncio.to_thread(containerd.version)))
        count = len(self.options.layout.nodes)
        self.progress.done(f"containerd {version}" + (f" on {count} nodes" if count > 1 else ""))

    async def _nodes(self, client: Client) -> None:
        for node in self.options.layout.nodes:

            async def ready(path: str = f"/api/v1/nodes/{node.name}") -> bool:
                try:
                    conditions = (await client.get_json(path)).get("status", {}).get("conditions") or []
                    lease = await client.get_json(f"{LEASES}/{path.rpartition('/')[2]}") if self.since else {}
                except KybernError:
                    return False
                if self.since and parse_time(lease["spec"]["renewTime"]) < self.since:
                    return False
                return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

            name = node.program
            await self._until(f"node {node.name}", ready, name, f"containerd-{name}", f"images-{name}")
            self.progress.done(f"node {node.name} is Ready ({node.address}, Pods in {node.pod_network})")

    async def _former_nodes(self, client: Client) -> None:
        layout = self.options.layout
        for name in former_nodes(layout):
            if await forget_node(client, layout, name):
                self.progress.done(f"node {name} was one of an earlier start; its Pods will run elsewhere")

    async def _controllers(self, client: Client) -> None:
        """Without its service account the namespace `default` takes no Pod; the controllers make it first of all."""

        async def at_work() -> bool:
            try:
                return bool(await client.get_json(DEFAULT_ACCOUNT))
            except KybernError:
                return False

        await self._until("the controllers", at_work, "controllers")
        self.progress.done("controllers and scheduler")

    async def objects(self, client: Client, manifests: Sequence[Manifest]) -> bool:
        """Apply manifests and wait until their objects have converged; whether all have.

        One that the server refuses is told, and keeps no other from being applied.
        """
        applier = Applier(client)
        applied = []
        for manifest in manifests:
            try:
                each = await self._apply(applier, manifest)
            except StatusError as error:
                self.progress.failed(f"{manifest['kind']} {manifest['metadata'].get('name', '')}: {error}")
                continue
            self.progress.say(f"  + {each.resource} {each.verb}")
            applied.append(each)
        waiting = {each.resource: each for each in applied}
        deadline = self.progress.seconds + CONVERGE_SECONDS
        while waiting and self.progress.seconds < deadline:
            lines = []
            for name, each in list(waiting.items()):
                there, line = await look(client, each)
                if there:
                    del waiting[name]
                    if line:
                        self.progress.done(line)
                else:
                    lines.append(line)
            if waiting:
                self.progress.now(", ".join(lines))
                await asyncio.sleep(OBJECT_POLL_SECONDS)
        for each in waiting.values():
            self.progress.failed(f"{(await look(client, each))[1]}: kybern why {each.resource} tells why")
        return not waiting and len(applied) == len(manifests)

    async def _apply(self, applier: Applier, manifest: Manifest) -> Applied:
        """Apply one; in a young cluster its namespace's service account may need a moment to be there."""
        deadline = self.progress.seconds + NAMESPACE_SECONDS
        while True:
            try:
                return await applier.apply(manifest)
            except KybernError as error:
                young = "serviceaccount" in str(error) and "not found" in str(error)
                if not young or self.progress.seconds > deadline:
                    raise
                await asyncio.sleep(POLL_SECONDS)
