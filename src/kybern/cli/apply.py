"""`kybern apply`: manifests into the cluster of a kubeconfig."""

import argparse
from typing import TYPE_CHECKING

from kybern.cli.parser import failed, words_for

if TYPE_CHECKING:
    from kybern.supervisor.manifests import Manifest

NAME = "apply"
HELP = "create or update the objects of manifests"


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-f",
        "--filename",
        action="append",
        required=True,
        metavar="FILE",
        help="file, directory, or -; may be repeated",
    )
    add("-n", "--namespace", default="", metavar="NAMESPACE", help="where objects go that name no namespace")
    add("--kubeconfig", default="", metavar="FILE", help="default: $KUBECONFIG, else ~/.kube/config")
    add("--context", default="", metavar="CONTEXT", help="default: the file's current one")


def execute(args: argparse.Namespace) -> int:
    import asyncio

    from kybern.base.errors import KybernError
    from kybern.client.kubeconfig import KubeconfigError
    from kybern.supervisor.manifests import read

    try:
        return asyncio.run(_apply(args, read(args.filename)))
    except KubeconfigError as error:
        return failed(f"{error}; kybern up writes one, --kubeconfig names another")
    except (KybernError, OSError) as error:
        return failed(words_for(error))


async def _apply(args: argparse.Namespace, manifests: "list[Manifest]") -> int:
    from kybern.base.errors import StatusError
    from kybern.client.kubeconfig import client_of, load_kubeconfig
    from kybern.supervisor.kubeconfig import user_kubeconfig
    from kybern.supervisor.manifests import Applier

    access = load_kubeconfig(args.kubeconfig or str(user_kubeconfig()), context=args.context)
    client = client_of(access, user_agent="kybern")
    status = 0
    try:
        applier = Applier(client, args.namespace or access.namespace)
        for manifest in manifests:
            try:
                applied = await applier.apply(manifest)
                print(f"{applied.resource} {applied.verb}")
            except StatusError as error:
                status = failed(f"{manifest['kind']} {manifest['metadata'].get('name', '')}: {error}")
    finally:
        await client.close()
    return status
