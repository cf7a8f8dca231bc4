"""Messages that JSON writes as one value: times, quantities, IntOrString, raw JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from kybern.api.protobuf import wire
from kybern.api.protobuf.wire import Raw, malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise malformed("a string is not UTF-8") from None


def time(data: memoryview) -> str | None:
    """metav1.Time {1 seconds, 2 nanos}, which drops the nanos; the empty message is no time."""
    if not data:
        return None
    return _moment(_integers(data).get(1, 0), 0).isoformat().replace("+00:00", "Z")


def micro_time(data: memoryview) -> str | None:
    """metav1.MicroTime {1 seconds, 2 nanos}: six digits."""
    if not data:
        return None
    numbers = _integers(data)
    moment = _moment(numbers.get(1, 0), wire.signed(numbers.get(2, 0), 32) // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def quantity(data: memoryview) -> str:
    """resource.Quantity {1 string}."""
    return _texts(data).get(1) or "0"


def int_or_string(data: memoryview) -> int | str:
    """intstr.IntOrString {1 type: 0 int, 1 string; 2 intVal, 3 strVal}."""
    numbers = _integers(data)
    if numbers.get(1, 0) == 0:
        return wire.signed(numbers.get(2, 0), 32)
    return _texts(data).get(3, "")


def json(data: memoryview) -> Any:
    """RawExtension, FieldsV1, JSON {1 raw}: JSON within protobuf. Raises BadRequest for other encodings."""
    raw = _strings(data).get(1)
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise malformed(f"raw JSON: {error}") from None


def _moment(seconds: int, micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=wire.signed(seconds, 64), microseconds=micros)
    except OverflowError:
        raise malformed("a time is out of range") from None


def _of(data: memoryview, kind: int) -> dict[int, Raw]:
    return {number: raw for number, wire_type, raw in wire.fields(data) if wire_type == kind}


def _integers(data: memoryview) -> dict[int, int]:
    return {number: raw for number, raw in _of(data, wire.VARINT).items() if isinstance(raw, int)}


def _strings(data: memoryview) -> dict[int, memoryview]:
    return {number: raw for number, raw in _of(data, wire.BYTES).items() if isinstance(raw, memoryview)}


def _texts(data: memoryview) -> dict[int, str]:
    return {number: text(raw) for number, raw in _strings(data).items()}
