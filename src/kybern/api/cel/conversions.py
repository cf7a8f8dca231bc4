"""Conversions between types, and the parts of dates and times: the standard functions that need more than a line."""

import math
import re
from datetime import UTC
from typing import Any

from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.instants import (
    MAX_SECONDS,
    MIN_SECONDS,
    Duration,
    Timestamp,
    parse_duration,
    parse_timestamp,
    time_zone,
)
from kybern.api.cel.literals import INT_MAX, INT_MIN, UINT_MAX
from kybern.api.cel.operators import check_int, check_uint
from kybern.api.cel.values import NANOS, TypeValue, Uint, type_name

_DIGITS = re.compile(r"[+-]?[0-9]+", re.ASCII)
_UNSIGNED = re.compile(r"[0-9]+", re.ASCII)
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"([+-]?)(?:(inf|infinity)|nan)", re.IGNORECASE)
_BOOLS = {"1": True, "t": True, "T": True, "true": True, "TRUE": True, "True": True,
          "0": False, "f": False, "F": False, "false": False, "FALSE": False, "False": False}  # fmt: skip


def failed(source: str, target: str) -> EvaluationError:
    return EvaluationError(f"type conversion error from '{source}' to '{target}'")


def string_to_bool(text: str) -> bool:
    if text not in _BOOLS:
        raise failed("string", "bool")
    return _BOOLS[text]


def string_to_int(text: str) -> int:
    if len(text) > 4096 or not _DIGITS.fullmatch(text) or not INT_MIN <= int(text) <= INT_MAX:
        raise failed("string", "int")
    return int(text)


def string_to_uint(text: str) -> Uint:
    if len(text) > 4096 or not _UNSIGNED.fullmatch(text) or int(text) > UINT_MAX:
        raise failed("string", "uint")
    return Uint(text)


def string_to_double(text: str) -> float:
    special = _SPECIAL.fullmatch(text)
    if special:
        return float(text) if special[2] else math.nan
    if not _DOUBLE.fullmatch(text) or math.isinf(float(text)):
        raise failed("string", "double")
    return float(text)


def string_to_duration(text: str) -> Duration:
    found = parse_duration(text)
    if found is None:
        raise failed("string", "google.protobuf.Duration")
    return found


def string_to_timestamp(text: str) -> Timestamp:
    found = parse_timestamp(text)
    if found is None:
        raise failed("string", "google.protobuf.Timestamp")
    return found


def string_to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def bytes_to_string(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None


def double_to_int(value: float) -> int:
    if not -(2.0**63) < value < 2.0**63:
        raise EvaluationError("integer overflow")
    return int(value)


def double_to_uint(value: float) -> Uint:
    if not 0 <= value < 2.0**64:
        raise EvaluationError("unsigned integer overflow")
    return Uint(value)


def double_to_string(value: float) -> str:
    """Go's `%g`: the shortest digits, with an exponent from a million on and below 0.0001."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, _, power = f"{value!r}".partition("e")
    digits = mantissa.replace("-", "").replace(".", "").lstrip("0")
    whole = mantissa.replace("-", "").partition(".")[0]
    point = len(whole) if whole != "0" else -(len(mantissa.partition(".")[2]) - len(digits))
    exponent = point + int(power or "0") - 1
    digits = digits.rstrip("0")
    sign = "-" if value < 0 else ""
    if exponent < -4 or exponent >= 6:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{sign}{whole}{'.' + fraction if fraction else ''}"


def int_to_timestamp(seconds: int) -> Timestamp:
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise EvaluationError("timestamp overflow")
    return Timestamp(seconds * NANOS)


def int_to_duration(value: int) -> Duration:
    raise failed("int", "google.protobuf.Duration")


def int_to_uint(value: int) -> Uint:
    return check_uint(value)


def uint_to_int(value: Uint) -> int:
    return check_int(int(value))


def to_type(value: Any) -> TypeValue:
    return TypeValue(type_name(value))


def year(moment: Timestamp, zone: str = "") -> int:
    return moment.at(time_zone(zone) if zone else UTC).year


def month(moment: Timestamp, zone: str = "") -> int:
    return moment.at(time_zone(zone) if zone else UTC).month - 1


def day_of_year(moment: Timestamp, zone: str = "") -> int:
    return moment.at(time_zone(zone) if zone else UTC).timetuple().tm_yday - 1


def day_of_month(moment: Timestamp, zone: str = "") -> int:
    return date(moment, zone) - 1


def date(moment: Timestamp, zone: str = "") -> int:
    return moment.at(time_zone(zone) if zone else UTC).day


def day_of_week(moment: Timestamp, zone: str = "") -> int:
    return moment.at(time_zone(zone) if zone else UTC).isoweekday() % 7


def hours(moment: Timestamp, zone: str = "") -> int:
    return moment.at(time_zone(zone) if zone else UTC).hour


def minutes(moment: Timestamp, zone: str = "") -> int:
    return moment.at(time_zone(zone) if zone else UTC).minute


def seconds(moment: Timestamp, zone: str = "") -> int:
    return moment.at(time_zone(zone) if zone else UTC).second


def milliseconds(moment: Timestamp, zone: str = "") -> int:
    if zone:
        time_zone(zone)
    return moment.nanos % NANOS // 10**6


def to_double(value: int) -> float:
    return float(value)
