"""Message classes declared by number, one line a message: for services whose wire format is the contract, no stubs built.

A line is `Name: field=number/type …`; an indented line continues the one before it. `*` repeats, `?` is one of the
message's alternatives, `map` is string to string and `bytesmap` string to bytes, a capital type is another message, an
enum travels as its int32.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_MAPS = {"map": _Field.TYPE_STRING, "bytesmap": _Field.TYPE_BYTES}


def declare_messages(table: str, package: str) -> dict[str, Any]:
    """The message classes of a table, by name."""
    file = descriptor_pb2.FileDescriptorProto(name=f"kybern/{package}.proto", package=package, syntax="proto3")
    for row in table.replace("\n    ", " ").strip().splitlines():
        name, _, fields = row.partition(":")
        message = file.message_type.add(name=name)
        for text in fields.split():
            _add_field(message, package, text)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    find = pool.FindMessageTypeByName
    return {m.name: message_factory.GetMessageClass(find(f"{package}.{m.name}")) for m in file.message_type}


def _add_field(message: descriptor_pb2.DescriptorProto, package: str, text: str) -> None:
    name, _, rest = text.partition("=")
    number, _, kind = rest.partition("/")
    repeated = kind.endswith("*") or kind in _MAPS
    field = message.field.add(
        name=name, number=int(number), label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
    )
    if kind.endswith("?"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="one")
        field.oneof_index = 0
    kind = kind.rstrip("*?")
    if kind in _MAPS:
        entry = message.nested_type.add(name="".join(part.capitalize() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        for key, position, of in (("key", 1, _Field.TYPE_STRING), ("value", 2, _MAPS[kind])):
            entry.field.add(name=key, number=position, label=_Field.LABEL_OPTIONAL, type=of)
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{package}.{message.name}.{entry.name}"
    elif kind.islower():
        field.type = getattr(_Field, "TYPE_" + kind.upper())
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{package}.{kind}"
