"""The hand-declared CRI messages travel as the wire contract says."""

import pytest
from google.protobuf.json_format import ParseDict

from kybern.kubelet.runtime.event_messages import EVENTS, event_of
from kybern.kubelet.runtime.messages import MESSAGES
from kybern.kubelet.runtime.views import RuntimeEvent


def check(name: str, fields: dict[str, object], expected: bytes) -> None:
    assert ParseDict(fields, MESSAGES[name]()).SerializeToString() == expected


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("StartContainerRequest", {"container_id": "a"}, b"\x0a\x01a"),
        ("StopContainerRequest", {"container_id": "a", "timeout": 30}, b"\x0a\x01a\x10\x1e"),
        ("NamespaceOption", {"network": 2, "pid": 1}, b"\x08\x02\x10\x01"),
        (
            "PodSandboxMetadata",
            {"name": "n", "uid": "u", "namespace": "d", "attempt": 1},
            b"\x0a\x01n\x12\x01u\x1a\x01d \x01",
        ),
        ("ImageSpec", {"annotations": {"k": "v"}}, b"\x12\x06\x0a\x01k\x12\x01v"),
    ],
)
def test_encoding(name: str, fields: dict[str, object], expected: bytes) -> None:
    check(name, fields, expected)


@pytest.mark.parametrize(
    ("topic", "body", "expected"),
    [
        ("/tasks/exit", b"\x0a\x01c\x12\x01c\x18\x07\x20\x01", RuntimeEvent("c", is_end=True)),
        ("/tasks/exit", b"\x0a\x01c\x12\x04exec\x18\x07", None),
        ("/tasks/start", b"\x0a\x01c\x10\x07", RuntimeEvent("c", is_end=False)),
        ("/tasks/delete", b"\x0a\x01c\x10\x07\x18\x01", RuntimeEvent("c", is_end=False)),
        ("/tasks/oom", b"\x0a\x01c", RuntimeEvent("c", is_end=False)),
    ],
)
def test_events_of_containerd(topic: str, body: bytes, expected: RuntimeEvent | None) -> None:
    """The end of a command that was run in a container is not the container's."""
    envelope = EVENTS["Envelope"](topic=topic)
    envelope.event.value = body
    assert event_of(envelope) == expected
