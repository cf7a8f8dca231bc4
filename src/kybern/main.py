"""Where `kybern` begins: finds the verb, runs it, and gives its end an exit status and words.

Nothing heavy is imported here: `kybern --help` answers within 100 ms.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from kybern import __version__
from kybern.cli.parser import Parser, words_for
from kybern.composition import Processes, log_to_stderr

VERBS = {
    "up": "kybern.cli.up",
    "down": "kybern.cli.down",
    "status": "kybern.cli.status",
    "why": "kybern.cli.why",
    "apply": "kybern.cli.apply",
    "image": "kybern.cli.image",
    "kubeconfig": "kybern.cli.kubeconfig",
    "version": "kybern.cli.version",
    "supervisor": "kybern.cli.supervisor",
    "apiserver": "kybern.cli.apiserver",
    "controller-manager": "kybern.cli.controller_manager",
    "scheduler": "kybern.cli.scheduler",
    "kubelet": "kybern.cli.kubelet",
    "proxy": "kybern.cli.proxy",
    "dns": "kybern.cli.dns",
}
"""Every verb and its module, in the order of the help."""

COMPONENTS = ("apiserver", "controller-manager", "scheduler", "kubelet", "proxy", "dns")
"""Verbs that run until they are stopped, and so tell what happens meanwhile."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells expect it (128 + SIGINT)."""
READER_LEFT = 141
"""Exit status when nobody reads our output any more (128 + SIGPIPE)."""


class Verb(Protocol):
    """What a module of `kybern.cli` offers."""

    NAME: str
    HELP: str
    configure: Callable[[argparse.ArgumentParser], None]
    execute: Callable[[argparse.Namespace], int]


def load(name: str) -> Verb:
    """Import a verb's module."""
    return cast(Verb, importlib.import_module(VERBS[name]))


def parse(given: Sequence[str]) -> argparse.Namespace:
    """The arguments of the verb; only that is imported and configured, without one all are, for their help."""
    chosen = given[0] if given and given[0] in VERBS else None
    parser = Parser(
        prog="kybern",
        description="A cluster that speaks the Kubernetes API, in Python: ready in a second, and it can say why.",
    )
    parser.add_argument("--version", action="version", version=f"kybern {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    speaker: argparse.ArgumentParser = parser
    for name in [chosen] if chosen else VERBS:
        verb = load(name)
        verb_parser = verbs.add_parser(name, help=verb.HELP, description=verb.HELP)
        if chosen:
            verb.configure(verb_parser)
            verb_parser.set_defaults(execute=verb.execute)
            speaker = verb_parser
    args, unknown = parser.parse_known_args(given)
    if unknown:
        speaker.error(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    args = parse(list(sys.argv[1:] if arguments is None else arguments))
    args.composition = Processes()
    if args.verb in COMPONENTS:
        log_to_stderr()
    try:
        status: int = args.execute(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left (`kybern … | head`). Nothing may be flushed to it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    except Exception as error:
        words = words_for(error)
        if not words:
            raise
        print(f"kybern {args.verb}: error: {words}", file=sys.stderr)
        return 1
    return status
