"""kill -9 in the middle of a thousand concurrent writes, again and again: no acknowledged one is lost.

Every other writer has a slow disk: an acknowledgement that comes before its commit is then found out.
"""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from kybern.storage.sqlite import SqliteBackend
from tests.effort import examples

ROUNDS = examples(8)

WRITER = """
import asyncio, os, sqlite3, sys, time
from kybern.storage.sqlite import SqliteBackend

class SlowDisk(sqlite3.Connection):
    def commit(self) -> None:
        time.sleep(0.02)
        super().commit()

def connect(path: str) -> sqlite3.Connection:
    kind = SlowDisk if int(sys.argv[2]) % 2 else sqlite3.Connection
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=kind)

async def main() -> None:
    store = await SqliteBackend.open(sys.argv[1], connect=connect)
    async def write(worker: int) -> None:
        key, revision, count = f"r{sys.argv[2]}/w{worker}", 0, 0
        while True:
            count += 1
            revision = await store.put(key, b"%d" % count + b"." * 300, expected=revision)
            os.write(1, b"%s %d %d\\n" % (key.encode(), count, revision))
    await asyncio.gather(*(write(worker) for worker in range(1000)))

asyncio.run(main())
"""


def crash_once(path: Path, turn: int, lines: int) -> list[tuple[str, int, int]]:
    """Start a writer, kill it after it has acknowledged `lines` writes; what it has acknowledged."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITER, str(path), str(turn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        seen += process.stdout.readlines()
    whole = [line.split() for line in seen if line.endswith(b"\n")]
    return [(key.decode(), int(count), int(revision)) for key, count, revision in whole]


async def test_no_acknowledged_write_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    newest: dict[str, tuple[int, int]] = {}
    last_revision = 1
    for turn in range(ROUNDS):
        acknowledged = await asyncio.to_thread(crash_once, path, turn, 700 + 371 * turn)
        revisions = [revision for _, _, revision in acknowledged]
        assert len(set(revisions)) == len(revisions), "a revision was given twice"
        assert min(revisions) > last_revision, "a revision from before the crash was given again"
        for key, count, revision in acknowledged:
            newest[key] = max(newest.get(key, (0, 0)), (count, revision))
        store = await SqliteBackend.open(path)
        assert store.revision >= max(revisions)
        last_revision = store.revision
        there = {entry.key: entry for entry in (await store.range("")).entries}
        for key, (count, revision) in newest.items():
            kept = int(there[key].value.split(b".")[0])
            # The write after the last acknowledged one may have become durable before the kill.
            assert (kept, there[key].revision) == (count, revision) or kept == count + 1
        await store.close()
