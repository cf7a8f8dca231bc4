"""Ports that somebody else has, before a cluster starts."""

import socket

import pytest

from kybern.supervisor import requirements


def test_a_component_whose_port_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(requirements, "SCHEDULER_PORT", port)
        monkeypatch.setattr(requirements, "MANAGER_PORT", 0)  # Any that is free.
        monkeypatch.setattr(requirements, "_has_former_programs", lambda: False)
        assert requirements.find_silenced() == [("scheduler", f"127.0.0.1:{port}")]
        monkeypatch.setattr(requirements, "_has_former_programs", lambda: True)
        assert requirements.find_silenced() == [], "those are our own"
