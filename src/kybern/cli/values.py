"""Values of flags, read as the flags of upstream's programs are read. All raise argparse.ArgumentTypeError."""

import argparse
import re

from kybern.base.go_bool import go_bool

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def boolean(text: str) -> bool:
    """`--flag=true`, `--flag=false`; see `add_boolean`."""
    truth = go_bool(text)
    if truth is None:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return truth


def seconds(text: str) -> float:
    """`40s`, `1m30s`, `500ms` or a plain number."""
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return float(sum(float(number) * UNITS[unit] for number, unit in parts))
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration (40s, 1m30s)") from None


def whole_seconds(text: str) -> int:
    """The same, for what counts in whole seconds."""
    return int(seconds(text))


def names(text: str) -> tuple[str, ...]:
    """`a,b,c`."""
    return tuple(filter(None, text.split(",")))


def ports(text: str) -> tuple[int, int]:
    """`30000-32767`."""
    first, _, last = text.partition("-")
    try:
        found = int(first), int(last)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of ports like 30000-32767") from None
    if not 0 < found[0] <= found[1] < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of ports")
    return found


def add_boolean(group: argparse._ActionsContainer, name: str, default: bool, help: str) -> None:
    """A flag that is true when it is named alone: `--leader-elect`, `--leader-elect=false`."""
    told = f"{help}; default: {str(default).lower()}"
    group.add_argument(name, type=boolean, nargs="?", const=True, default=default, metavar="BOOL", help=told)
