"""The way from a text to generated code: parse, check, validate, generate; each ends it if it has found faults."""

from kybern.api.cel import validators
from kybern.api.cel.checker import check
from kybern.api.cel.errors import Issues, Source
from kybern.api.cel.generator import Generator
from kybern.api.cel.nodes import Node
from kybern.api.cel.parser import parse
from kybern.api.cel.scope import Scope
from kybern.api.cel.source import Code


def compile_text(text: str, scope: Scope) -> tuple[Node, Code]:
    """The checked tree and its code. Raises CompileError, ProgramError."""
    issues = Issues(Source(text))
    root = parse(issues.source, issues)
    issues.raise_if_any()
    check(root, scope, issues)
    issues.raise_if_any()
    validators.validate(root, issues)
    issues.raise_if_any()
    return root, Generator(scope).program(root)
