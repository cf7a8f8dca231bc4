"""How `kybern` reads its command line, and how it words what went wrong: one line, and the way to more."""

import argparse
import sys
from typing import NoReturn

WRONG_USE = 2
"""Exit status of a command that was called wrongly."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command; its help says the rest."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: error: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(WRONG_USE)


def failed(message: str, status: int = 1) -> int:
    """Say why a command could not do what it was asked; its exit status."""
    print(f"error: {message}", file=sys.stderr)
    return status


def lacks_root(verb: str) -> bool:
    """Whether the rights are missing that this verb needs; says so."""
    import os

    return bool(os.geteuid()) and bool(failed(f"kybern {verb} needs root's rights (run it with sudo)"))


def words_for(error: BaseException) -> str:
    """What to tell a person about an operating error: "" for what is a defect, and deserves its traceback.

    A group (of a component's tasks) is an operating error if all in it are; the first is told.
    """
    from kybern.base.errors import KybernError

    if isinstance(error, BaseExceptionGroup):
        told = [words_for(each) for each in error.exceptions]
        return told[0] if all(told) else ""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if not isinstance(error, KybernError | OSError):
        return ""
    return " ".join(str(error).split()) or type(error).__name__
