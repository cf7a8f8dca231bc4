"""`kybern apply`: manifests into the cluster of a kubeconfig."""

import argparse
from typing import TYPE_CHECKING

from kybern.cli.parser import words_for

if TYPE_CHECKING:
    from kybern.supervisor.manifests import Manifest

NAME = "apply"
HELP = "create or update the objects of manifests"


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-f", "--filename", action="append", required=True, metavar="FILE", help="file, directory, or - (repeatable)")
    add("-n", "--namespace", default="", help="where objects go that name no namespace")
    add("--kubeconfig", default="", help="default: $KUBECONFIG, else ~/.kube/config")
    add("--context", default="", help="default: the file's current one")


def execute(args: argparse.Namespace) -> int:
    import asyncio
    import sys

    from kybern.base.errors import KybernError
    from kybern.cli.up import read_manifests

    try:
        return asyncio.run(_apply(args, read_manifests(args.filename)))
    except (KybernError, OSError) as error:
        print(f"error: {words_for(error)}", file=sys.stderr)
        return 1


async def _apply(args: argparse.Namespace, manifests: "list[Manifest]") -> int:
    import sys

    from kybern.base.errors import StatusError
    from kybern.client.kubeconfig import client_of, load_kubeconfig
    from kybern.supervisor.kubeconfig import user_kubeconfig
    from kybern.supervisor.manifests import Applier

    access = load_kubeconfig(args.kubeconfig or str(user_kubeconfig()), context=args.context)
    client = client_of(access, user_agent="kybern")
    failed = False
    try:
        applier = Applier(client, args.namespace or access.namespace)
        for manifest in manifests:
            try:
                applied = await applier.apply(manifest)
                print(f"{applied.resource} {applied.verb}")
            except StatusError as error:
                failed = True
                print(f"error: {manifest['kind']} {manifest['metadata'].get('name', '')}: {error}", file=sys.stderr)
    finally:
        await client.close()
    return 1 if failed else 0
