"""containerd's own event stream (`containerd.services.events.v1`), for runtimes without CRI's GetContainerEvents.

The field numbers are the contract: containerd's api/services/events/v1/events.proto and api/events/task.proto.
"""

from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from kybern.kubelet.runtime.views import RuntimeEvent

EVENTS_SERVICE: Final = "/containerd.services.events.v1.Events/Subscribe"
EXIT: Final = "/tasks/exit"
TOPICS: Final = (EXIT, "/tasks/oom", "/tasks/start", "/tasks/delete")
_PACKAGE: Final = "containerd.services.events.v1"
_Field = descriptor_pb2.FieldDescriptorProto


def _declare() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="kybern/events.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.extend(["google/protobuf/timestamp.proto", "google/protobuf/any.proto"])
    text, message = _Field.TYPE_STRING, _Field.TYPE_MESSAGE
    one = _Field.LABEL_OPTIONAL
    subscribe = file.message_type.add(name="SubscribeRequest")
    subscribe.field.add(name="filters", number=1, label=_Field.LABEL_REPEATED, type=text)
    envelope = file.message_type.add(name="Envelope")
    envelope.field.add(name="timestamp", number=1, label=one, type=message, type_name=".google.protobuf.Timestamp")
    envelope.field.add(name="namespace", number=2, label=one, type=text)
    envelope.field.add(name="topic", number=3, label=one, type=text)
    envelope.field.add(name="event", number=4, label=one, type=message, type_name=".google.protobuf.Any")
    task = file.message_type.add(name="TaskEvent")
    task.field.add(name="container_id", number=1, label=one, type=text)
    exit = file.message_type.add(name="TaskExit")
    exit.field.add(name="container_id", number=1, label=one, type=text)
    exit.field.add(name="id", number=2, label=one, type=text)
    pool = descriptor_pool.DescriptorPool()
    for known in (timestamp_pb2, any_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    find = pool.FindMessageTypeByName
    return {m.name: message_factory.GetMessageClass(find(f"{_PACKAGE}.{m.name}")) for m in file.message_type}


EVENTS: Final = _declare()
"""Message class by name. `TaskEvent` reads the container's id, which is field 1 of every task event."""


def event_of(envelope: Any) -> RuntimeEvent | None:
    """What a task event says of a container or a sandbox; None for the end of a command that was run in one."""
    if envelope.topic != EXIT:
        return RuntimeEvent(EVENTS["TaskEvent"].FromString(envelope.event.value).container_id, is_end=False)
    exit = EVENTS["TaskExit"].FromString(envelope.event.value)
    return RuntimeEvent(exit.container_id, is_end=True) if exit.id == exit.container_id else None
