"""`kybern why pod/NAME`: what the system decided, what it saw, and what would change its mind."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kybern.cli.parser import WRONG_USE, failed

if TYPE_CHECKING:
    from kybern.why.answer import Line

NAME = "why"
HELP = "say why a Pod, Deployment, Job, Service or Node is as it is"
SIGNS = {"fact": "", "evidence": "  · ", "advice": "  → "}
STYLES = {"fact": "bold", "evidence": "dim", "advice": "green"}


def configure(parser: argparse.ArgumentParser) -> None:
    """As kubectl names things."""
    parser.add_argument("subject", metavar="KIND/NAME", nargs="+", help="pod/web-0, or: pod web-0")
    parser.add_argument("-n", "--namespace", default="", metavar="NAMESPACE", help="default: the context's")
    parser.add_argument("--kubeconfig", metavar="FILE", help="default: $KUBECONFIG, else ~/.kube/config")
    parser.add_argument("--context", default="", metavar="CONTEXT", help="default: the kubeconfig's current context")


def execute(args: argparse.Namespace) -> int:
    """0 with an answer, 1 when the object is not there or the cluster does not answer, 2 for a wrong question."""
    import asyncio

    from kybern.base.errors import KybernError
    from kybern.client.kubeconfig import KubeconfigError, client_of, load_kubeconfig
    from kybern.supervisor.kubeconfig import user_kubeconfig
    from kybern.why.inquiry import UnknownTopic, ask

    kind, _, name = "/".join(args.subject).partition("/")
    if not name or "/" in name:
        return failed("ask about KIND/NAME, as in: kybern why pod/web-0", WRONG_USE)

    async def inquire() -> "list[Line]":
        access = load_kubeconfig(args.kubeconfig or str(user_kubeconfig()), context=args.context)
        client = client_of(access, user_agent="kybern-why")
        try:
            return await ask(client, kind, name, args.namespace or access.namespace)
        finally:
            await client.close()

    try:
        show(asyncio.run(inquire()))
    except UnknownTopic as error:
        return failed(str(error), WRONG_USE)
    except KubeconfigError as error:
        return failed(f"{error}; kybern up writes one, --kubeconfig names another")
    except KybernError as error:
        return failed(str(error))
    return 0


def show(lines: "Sequence[Line]") -> None:
    """In colour on a terminal, plain text anywhere else."""
    if not sys.stdout.isatty():
        for line in lines:
            source = f"  ({line.source})" if line.source else ""
            print(f"{SIGNS[line.mark]}{line.text}{source}")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        text = Text(SIGNS[line.mark] + line.text, style=STYLES[line.mark])
        if line.source:
            text.append(f"  ({line.source})", style="dim italic")
        console.print(text)
