"""Writes the typed structs: one module of `kybern.api.types` for each GA group-version."""

import re
from collections.abc import Mapping

from schema_build.names import MODULES, class_of, field_name, module_of, own_kind, regular_wire_name
from schema_build.source import LETTERS, Definition, Field, Type

_PYTHON = {
    **dict.fromkeys("sBtuq", "str"),
    **dict.fromkeys("il", "int"),
    **dict.fromkeys("jrFD", "Any"),
    "b": "bool",
    "d": "float",
    "x": "int | str",
}
_REQUIRED_DEFAULT = {
    "str": "_field(default_factory=str)",
    "int": "_field(default_factory=int)",
    "bool": "_field(default_factory=bool)",
    "float": "_field(default_factory=float)",
    "int | str": "_field(default_factory=int)",
    "Any": "None",
}
_FREE_FORM = "JSONSchemaProps"
_TEMPLATES = ("PodTemplateSpec", "JobTemplateSpec")
_NAMED_WHERE_USED = ("Port",)
"""Wire names that others of their module would share the Python name with (DaemonEndpoint.Port)."""
_LEFT_OUT = {("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "managedFields")}
"""No component reads it, and it is the larger part of many objects; an update without it leaves it as it is."""
_WRITTEN_AS_NULL = ("lastProbeTime",)
_EMPTY_SAYS_SOMETHING = ("failedIndexes",)
"""Texts whose absence is another thing than none in them: a Job that counts failures by index, and has none yet."""
"""Times that API servers write as null where nobody set them, in nearly every Pod: typed for it, for decoding anew
without nulls costs eight times as much as decoding."""
_RESERVED = {"str", "int", "bool", "float", "list", "dict", "_field", "Any", "ClassVar", *MODULES}


def modules(definitions: Mapping[str, Definition]) -> dict[str, str]:
    """Python source by module name."""
    grouped: dict[str, list[Definition]] = {module: [] for module in MODULES}
    for definition in definitions.values():
        module = module_of(definition.name)
        if module in grouped and definition.name not in LETTERS and class_of(definition.name) != _FREE_FORM:
            grouped[module].append(definition)
    return {module: _module(module, members) for module, members in grouped.items()}


def _module(module: str, members: list[Definition]) -> str:
    body = "\n\n\n".join(_class(module, definition) for definition in members)
    used = [other for other in MODULES if re.search(rf"\b{other}\.", body)]
    imports = "".join(f"from kybern.api.types import {other}\n" for other in used)
    irregular = _irregular_names(members)
    names = "".join(f"    {python!r}: {wire!r},\n" for python, wire in sorted(irregular.items()))
    return (
        f'"""{module.replace("_", "/")} (generated at build from upstream\'s definitions)."""\n\n'
        "from __future__ import annotations\n\nfrom typing import Any, ClassVar\n\n"
        "from msgspec import field as _field\n\n"
        f"{imports}from kybern.api.types.base import ApiStruct, filled, renaming\n\n"
        f"_wire_name = renaming({{\n{names}}})\n\n\n"
        f"{body}\n"
    )


def _irregular_names(members: list[Definition]) -> dict[str, str]:
    """Wire names, by Python name, that differ from what the Python name suggests."""
    wires: dict[str, str] = {}
    for definition in members:
        for wire in definition.fields:
            known = wires.setdefault(field_name(wire), wire)
            assert known == wire or wire in _NAMED_WHERE_USED or known in _NAMED_WHERE_USED, (known, wire)
    return {name: wire for name, wire in wires.items() if regular_wire_name(name) != wire not in _NAMED_WHERE_USED}


def _class(module: str, definition: Definition) -> str:
    lines = [f"class {class_of(definition.name)}(ApiStruct, rename=_wire_name):"]
    kind = own_kind(definition)
    if kind is not None:
        group, version, name = kind
        api_version = f"{group}/{version}" if group else version
        lines += [f"    API_VERSION: ClassVar[str] = {api_version!r}", f"    KIND: ClassVar[str] = {name!r}"]
        lines += [
            f"    api_version: str = _field(default_factory=lambda: {api_version!r})",
            f"    kind: str = _field(default_factory=lambda: {name!r})",
        ]
    for wire, each in definition.fields.items():
        if (definition.name, wire) in _LEFT_OUT:
            continue
        if kind is None or wire not in ("apiVersion", "kind"):
            lines.append("    " + _field(module, definition, wire, each, kind is not None))
    for wire in _WRITTEN_AS_NULL:
        if wire in definition.fields:
            name = field_name(wire)
            lines += ["", "    def __post_init__(self) -> None:", f'        self.{name} = self.{name} or ""']
    if len(lines) == 1:
        lines.append("    pass")
    return "\n".join(lines)


def _field(module: str, definition: Definition, wire: str, each: Field, top_level: bool) -> str:
    name = field_name(wire)
    assert name not in _RESERVED, f"{definition.name}.{wire} would hide a name that annotations use"
    annotation = _annotation(module, each.type)
    if isinstance(each.type, list) and each.type[0] != "@":
        kind = "list" if each.type[0] == "[" else "dict"
        empty = "[]" if kind == "list" else "{}"
        return f"{name}: {annotation} = " + (f"_field(default_factory=filled({kind}))" if each.required else empty)
    if isinstance(each.type, list) and annotation != "Any":
        if each.required or _always_present(definition, wire, annotation, top_level):
            return f"{name}: {annotation} = _field(default_factory=lambda: {annotation}())"
        return f"{name}: {annotation} | None = None"
    if wire in _NAMED_WHERE_USED:
        return f"{name}: {annotation} = _field(default_factory={annotation}, name={wire!r})"
    if each.required and annotation != "Any":
        return f"{name}: {annotation} = {_REQUIRED_DEFAULT[annotation]}"
    if annotation == "str" and wire not in _EMPTY_SAYS_SOMETHING:
        return f'{name}: str{" | None" if wire in _WRITTEN_AS_NULL else ""} = ""'
    return f"{name}: {annotation} = None" if annotation == "Any" else f"{name}: {annotation} | None = None"


def _always_present(definition: Definition, wire: str, annotation: str, top_level: bool) -> bool:
    if wire == "metadata" and annotation.endswith(("ObjectMeta", "ListMeta")):
        return True
    return wire in ("spec", "status") and (top_level or class_of(definition.name) in _TEMPLATES)


def _annotation(module: str, kind: Type) -> str:
    if isinstance(kind, str):
        return _PYTHON[kind]
    mark, inner = kind
    if mark == "[":
        return f"list[{_annotation(module, inner)}]"
    if mark == "{":
        return f"dict[str, {_annotation(module, inner)}]"
    if class_of(inner) == _FREE_FORM:
        return "Any"
    home = module_of(inner)
    return class_of(inner) if home == module else f"{home}.{class_of(inner)}"
