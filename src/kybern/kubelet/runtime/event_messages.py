"""containerd's own event stream (`containerd.services.events.v1`), for runtimes without CRI's GetContainerEvents.

The field numbers are the contract: containerd's api/services/events/v1/events.proto and api/events/task.proto.
"""

from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

EVENTS_SERVICE: Final = "/containerd.services.events.v1.Events/Subscribe"
EXIT_TOPICS: Final = ("/tasks/exit", "/tasks/oom", "/tasks/start", "/tasks/delete")
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
    pool = descriptor_pool.DescriptorPool()
    for known in (timestamp_pb2, any_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    find = pool.FindMessageTypeByName
    return {m.name: message_factory.GetMessageClass(find(f"{_PACKAGE}.{m.name}")) for m in file.message_type}


EVENTS: Final = _declare()
"""Message class by name. `TaskEvent` reads the container's id, which is field 1 of every task event."""


def container_of_event(envelope: Any) -> str:
    """The container (or sandbox) that a task event is about."""
    return str(EVENTS["TaskEvent"].FromString(envelope.event.value).container_id)
