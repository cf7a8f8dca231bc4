"""Flags as /flagz tells them: every flag by its name, its value as upstream's flags print theirs."""

import argparse
from collections.abc import Mapping

from kybern.base.go_duration import go_duration
from kybern.cli.apiserver.flags import add_flags
from kybern.cli.values import ports, seconds, whole_seconds


def shown(args: argparse.Namespace) -> Mapping[str, str]:
    """By name, without dashes."""
    parser = argparse.ArgumentParser(add_help=False)
    add_flags(parser)
    return {
        action.option_strings[-1].removeprefix("--"): _shown(action, getattr(args, action.dest, action.default))
        for action in parser._actions
    }


def _shown(action: argparse.Action, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if action.type in (seconds, whole_seconds) and isinstance(value, int | float):
        return go_duration(value)
    if action.type is ports and isinstance(value, tuple):
        return "-".join(map(str, value))
    if isinstance(value, list | tuple):
        return f"[{','.join(map(str, value))}]"
    return str(value)
