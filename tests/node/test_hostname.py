"""A process of a node has the node's name for the machine's."""

import os
import socket

import pytest

from kybern.supervisor.namespaces import take_hostname

pytestmark = pytest.mark.root


def test_a_process_has_a_hostname_of_its_own() -> None:
    before = socket.gethostname()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            take_hostname("kybern-7")
            os.write(writer, socket.gethostname().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as told:
        assert told.read() == "kybern-7"
    os.waitpid(child, 0)
    assert socket.gethostname() == before
