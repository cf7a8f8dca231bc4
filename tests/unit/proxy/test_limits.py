"""The kernel's switches as files: what is set, what is let be."""

from pathlib import Path

import pytest

from kybern.proxy.limits import set_limits

ESTABLISHED, CLOSE_WAIT, MOST = (
    "nf_conntrack_tcp_timeout_established",
    "nf_conntrack_tcp_timeout_close_wait",
    "nf_conntrack_max",
)


@pytest.mark.parametrize(
    ("processors", "before", "expected"),
    [(1, 65536, 131072), (8, 65536, 262144), (64, 65536, 1048576), (8, 300000, 300000)],
)
def test_limits(tmp_path: Path, processors: int, before: int, expected: int) -> None:
    for name, number in {ESTABLISHED: 432000, CLOSE_WAIT: 60, MOST: before}.items():
        (tmp_path / name).write_text(f"{number}\n")
    set_limits(tmp_path, processors)
    assert {path.name: int(path.read_text()) for path in tmp_path.iterdir()} == {
        ESTABLISHED: 86400,
        CLOSE_WAIT: 3600,
        MOST: expected,
    }


def test_what_cannot_be_set_stays(tmp_path: Path) -> None:
    (tmp_path / MOST).write_text("300000\n")
    (tmp_path / ESTABLISHED).mkdir()
    set_limits(tmp_path, 1)
    assert (tmp_path / CLOSE_WAIT).read_text() == "3600\n"


def test_a_kernel_without_the_table_is_let_be(tmp_path: Path) -> None:
    set_limits(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []
