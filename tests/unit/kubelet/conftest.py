"""The node's server over a real socket on loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kybern.base.clock import SystemClock
from kybern.kubelet.cri import Runtime
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.server.configz import configz
from kybern.kubelet.server.exec import OciExecutor
from kybern.kubelet.server.routes import Routes
from kybern.transport import Server
from tests.unit.kubelet.node_server import LOG, RUNTIME, Known, anyone


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    program = tmp_path / "runtime"
    program.write_text(RUNTIME)
    program.chmod(0o755)
    (tmp_path / "id1.log").write_text(LOG)
    (tmp_path / "var-log/pods").mkdir(parents=True)
    (tmp_path / "var-log/syslog").write_text("a line\n")
    (tmp_path / "var-log/out").symlink_to(tmp_path / "id1.log")
    runtime = Runtime(str(tmp_path / "none.sock"))
    routes = Routes(
        node_name="n1",
        containers=Known(tmp_path),
        runtime=runtime,
        executor=OciExecutor(str(program)),
        clock=SystemClock(),
        directory=tmp_path,
        configuration=configz(KubeletConfig("n1")),
        node_logs=tmp_path / "var-log",
        refuse=anyone,
    )
    server = Server(routes.handle)
    await server.start([("127.0.0.1", 0)])
    yield server.addresses[0][1]
    await server.stop(1.0)
    await runtime.close()
