"""The door of the schema: bytes or parsed objects in, objects in upstream's form out."""

from collections.abc import Sequence
from functools import cache

import orjson

from kybern.api.resource import Object
from kybern.api.schema import compiler, duplicates, exact, inspection, structure, syntax
from kybern.api.schema.values import Unfit
from kybern.base.errors import BadRequest

IGNORE, WARN, STRICT = "Ignore", "Warn", "Strict"
"""The values of `fieldValidation`; "" is Warn."""


class CannotHandle(BadRequest):
    """An object that is none of its kind; `fault` says why, without naming the kind."""

    def __init__(self, message: str, fault: str) -> None:
        super().__init__(message)
        self.fault = fault


class Codec:
    """One kind of one apiVersion. Methods that take an object consume it: parts of it live on in the result."""

    keeps_empty_lists = True
    """Whether an empty list of the metadata is told from none: `managedFields: []` resets who owns what."""

    def __init__(self, api_version: str, kind: str, name: str) -> None:
        self.api_version = api_version
        self.kind = kind
        self.name = name
        """Of the definition."""

    def decode(self, body: bytes, field_validation: str) -> tuple[Object, list[str]]:
        """Parse, check and prune; the list holds upstream's warnings. Raises BadRequest."""
        return self._from_bytes(compiler.DECODE, body, field_validation)

    def admit(self, body: bytes, field_validation: str) -> tuple[Object, list[str]]:
        """`decode` and `default` in one pass. Raises BadRequest."""
        return self._from_bytes(compiler.ADMIT, body, field_validation)

    def convert(self, obj: Object, field_validation: str) -> tuple[Object, list[str]]:
        """`decode` for what is parsed already (from YAML, after a patch). Raises BadRequest."""
        self._check_kind(obj)
        out, messages = self._pass(compiler.DECODE, obj)
        return out, self._judge(messages, field_validation)

    def complete(self, obj: Object, field_validation: str) -> tuple[Object, list[str]]:
        """`convert` and `default`, in one pass where nothing is odd. Raises BadRequest."""
        if type(self) is Codec:
            self._check_kind(obj)
            try:
                return compiler.function(compiler.ADMIT, self.name)(obj), []
            except (Unfit, RecursionError):
                pass
        converted, messages = self.convert(obj, field_validation)
        return self.default(converted), messages

    def complete_applied(self, obj: Object) -> Object:
        """`complete` for what server-side apply merged. Raises BadRequest."""
        return self.complete(obj, "Ignore")[0]

    def default(self, obj: Object) -> Object:
        """Fill in, in place, defaults and what upstream always encodes. Raises BadRequest for what no decode let in."""
        out, _ = self._pass(compiler.ADMIT, obj)
        obj.clear()
        obj.update(out)
        return obj

    def _from_bytes(self, mode: str, body: bytes, field_validation: str) -> tuple[Object, list[str]]:
        obj = self._parse(body)
        self._check_type(obj, body)
        repeated = field_validation != IGNORE and self._duplicates(body, obj)
        self._check_kind(obj)
        out, messages = self._pass(mode, obj, body)
        if repeated:
            messages = duplicates.in_order(body, messages)
        return out, self._judge(messages, field_validation)

    def _parse(self, body: bytes) -> Object:
        try:
            obj = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            fault = syntax.fault(body)
            if fault:
                raise self._unrecognized(body, fault) from None
            try:
                obj = exact.plain(exact.parse(body))
            except (ValueError, RecursionError):
                raise self._unrecognized(body, str(error)) from None
        if obj is None:
            return {}
        if obj.__class__ is not dict:
            fault = f"json: cannot unmarshal {inspection.go_value(obj)} into Go value of type {TYPE_META}"
            raise self._unrecognized(body, fault)
        return obj

    def _unrecognized(self, body: bytes, fault: str) -> BadRequest:
        return self._of_no_type(body, f"couldn't get version/kind; json parse error: {fault}")

    def _of_no_type(self, body: bytes, fault: str) -> BadRequest:
        return BadRequest(
            f"the object provided is unrecognized (must be of type {self.kind}): {fault} ({syntax.summary(body)})"
        )

    def _check_type(self, obj: Object, body: bytes) -> None:
        """Whether the body could name its type at all. Raises BadRequest."""
        for key in ("kind", "apiVersion"):
            value = obj.get(key)
            if value is not None and value.__class__ is not str:
                what = f"cannot unmarshal {inspection.go_value(value)} into Go struct field .{key} of type string"
                raise self._unrecognized(body, f"json: {what}")
        version = obj.get("apiVersion") or ""
        if version.count("/") > 1:
            raise self._of_no_type(body, f"unexpected GroupVersion string: {version}")

    def _check_kind(self, obj: Object) -> None:
        """Name kind and apiVersion where the body does not; refuse others."""
        kind, api_version = obj.get("kind") or self.kind, obj.get("apiVersion") or self.api_version
        obj["kind"], obj["apiVersion"] = kind, api_version
        if kind == self.kind and api_version == self.api_version:
            return
        for key, value in (("kind", kind), ("apiVersion", api_version)):
            if value.__class__ is not str:
                raise BadRequest(
                    f"couldn't get version/kind; json parse error: json: cannot unmarshal {inspection.go_value(value)}"
                    f" into Go struct field .{key} of type string"
                )
        version = api_version.rpartition("/")[2]
        name = structure.names_of_kinds().get((api_version, kind))
        to = f"{_package(self.name)}.{self.kind}"
        if name is None and (api_version, kind) not in _KNOWN_TO_GO:
            fault = f'no kind "{kind}" is registered for version "{api_version}" in scheme "{_SCHEME}"'
        elif kind != self.kind:
            fault = f"converting ({version}.{kind}) to ({to}): unknown conversion"
        else:
            raise BadRequest(
                f"the API version in the data ({api_version})"
                f" does not match the expected API version ({self.api_version})"
            )
        told = fault.replace(f" to ({to})", f" to ({_internal_package(self.name)}.{self.kind})")
        raise CannotHandle(f'{kind} in version "{version}" cannot be handled as a {self.kind}: {told}', fault)

    def _duplicates(self, body: bytes, obj: Object) -> list[str]:
        try:
            written = orjson.dumps(obj)
        except (orjson.JSONEncodeError, RecursionError):
            raise self._cannot("exceeded max depth") from None
        return [f'duplicate field "{path}"' for path in duplicates.paths(body, written)]

    def _pass(self, mode: str, obj: Object, body: bytes = b"") -> tuple[Object, list[str]]:
        """`body`: what the object was read from, if it was."""
        function = compiler.function(mode, self.name)
        try:
            return function(obj), []
        except Unfit:
            pass
        except RecursionError:
            raise self._cannot("exceeded max depth") from None
        if body:
            obj = {**exact.parse(body), "kind": obj["kind"], "apiVersion": obj["apiVersion"]}
        try:
            cleaned, messages = inspection.inspect(self.name, obj)
        except inspection.Mismatch as mismatch:
            raise self._cannot(str(mismatch)) from None
        return function(cleaned), messages

    def refusal(self, messages: Sequence[str]) -> BadRequest:
        """What Strict makes of findings."""
        return self._cannot("strict decoding error: " + ", ".join(messages))

    def _judge(self, messages: list[str], field_validation: str) -> list[str]:
        if field_validation == STRICT and messages:
            raise self.refusal(messages)
        return [] if field_validation == IGNORE else messages

    def _cannot(self, fault: str) -> CannotHandle:
        version = self.api_version.rpartition("/")[2]
        return CannotHandle(f'{self.kind} in version "{version}" cannot be handled as a {self.kind}: {fault}', fault)


TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
_KNOWN_TO_GO = frozenset(
    (("v1", "List"), *((version, "Scale") for version in ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2")))
)
"""Kinds that Go knows, though nothing is of them any more."""
_SCHEME = "pkg/api/legacyscheme/scheme.go:30"


def _package(name: str) -> str:
    """How Go's conversion names a package: by the version."""
    return name.split(".")[-2]


@cache
def codec(api_version: str, kind: str) -> Codec:
    """The codec of a kind that upstream has. Raises KeyError for others."""
    return Codec(api_version, kind, structure.names_of_kinds()[api_version, kind])


def _internal_package(name: str) -> str:
    """The same of the form that upstream's server works with, which no version has."""
    package = name.split(".")[-3]
    return "core" if package == "events" else package
