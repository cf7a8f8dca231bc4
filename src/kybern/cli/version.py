"""`kybern version`."""

import argparse

from kybern import KUBERNETES_VERSION, __version__

NAME = "version"
HELP = "print the version of Kybern and of the Kubernetes API that it speaks"


def configure(parser: argparse.ArgumentParser) -> None:
    """No options."""


def execute(args: argparse.Namespace) -> int:
    print(f"kybern {__version__} (Kubernetes API {KUBERNETES_VERSION})")
    return 0
