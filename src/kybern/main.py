"""The composition root: finds the verb, and lends `kybern up` the programs that its processes run.

Nothing heavy is imported here: `kybern --help` answers within 100 ms. What a program needs is imported by the program.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from kybern import __version__

VERBS = {
    "up": "kybern.cli.up",
    "down": "kybern.cli.down",
    "status": "kybern.cli.status",
    "why": "kybern.cli.why",
    "apply": "kybern.cli.apply",
    "image": "kybern.cli.image",
    "kubeconfig": "kybern.cli.kubeconfig",
    "version": "kybern.cli.version",
    "apiserver": "kybern.cli.apiserver",
    "controller-manager": "kybern.cli.controller_manager",
    "scheduler": "kybern.cli.scheduler",
    "kubelet": "kybern.cli.kubelet",
    "proxy": "kybern.cli.proxy",
    "dns": "kybern.cli.dns",
}
"""Every verb and its module, in the order of the help."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells expect it (128 + SIGINT)."""


class Verb(Protocol):
    """What a module of `kybern.cli` offers."""

    NAME: str
    HELP: str
    configure: Callable[[argparse.ArgumentParser], None]
    execute: Callable[[argparse.Namespace], int]


def load(name: str) -> Verb:
    """Import a verb's module."""
    return cast(Verb, importlib.import_module(VERBS[name]))


def build_parser(chosen: str | None) -> argparse.ArgumentParser:
    """The command line; only the chosen verb is imported and configured, without one all are, for their help."""
    parser = argparse.ArgumentParser(
        prog="kybern",
        description="A cluster that speaks the Kubernetes API, in Python: ready in a second, and it can say why.",
    )
    parser.add_argument("--version", action="version", version=f"kybern {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in [chosen] if chosen else VERBS:
        verb = load(name)
        verb_parser = verbs.add_parser(name, help=verb.HELP, description=verb.HELP)
        if chosen:
            verb.configure(verb_parser)
            verb_parser.set_defaults(execute=verb.execute)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = given[0] if given and given[0] in VERBS else None
    args = build_parser(chosen).parse_args(given)
    try:
        status: int = args.execute(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status
