"""Other people's firewalls that drop whatever the machine forwards (Docker sets such a policy): an opening for Pods.

A packet must be accepted by every chain of the forward hook, so a table of our own cannot help. The rules are plain
enough for iptables to read them back; they carry a comment, by which `down` finds them.
"""

import json
from collections.abc import Iterator
from typing import Any

from kybern.supervisor.layout import FABRIC_NETWORK, POD_NETWORK
from kybern.supervisor.namespaces import run

COMMENT = "kybern"
MATCHES = tuple(f"ip {end} {network}" for network in (POD_NETWORK, FABRIC_NETWORK) for end in ("saddr", "daddr"))


def dropping_chains(listing: dict[str, Any]) -> Iterator[str]:
    """Pure: `family table chain` of each chain whose policy drops what is forwarded, from `nft --json list chains`."""
    for entry in listing.get("nftables", []):
        chain = entry.get("chain", {})
        if chain.get("hook") == "forward" and chain.get("policy") == "drop" and chain["family"] in ("ip", "inet"):
            yield f"{chain['family']} {chain['table']} {chain['name']}"


def open_forwarding() -> None:
    """Let what comes from or goes to Pods and nodes pass; again at any time."""
    close_forwarding()
    rules = [
        f'insert rule {chain} {match} accept comment "{COMMENT}"'
        for chain in dropping_chains(_json("list", "chains"))
        for match in MATCHES
    ]
    if rules:
        run("nft", "-f", "-", text="\n".join(rules) + "\n")


def close_forwarding() -> None:
    """Take our rules out of others' chains."""
    for chain in dropping_chains(_json("list", "chains")):
        for entry in _json("--handle", "list", "chain", *chain.split()).get("nftables", []):
            rule = entry.get("rule", {})
            if rule.get("comment") == COMMENT:
                run("nft", "delete", "rule", *chain.split(), "handle", str(rule["handle"]), check=False)


def _json(*command: str) -> dict[str, Any]:
    """What nft lists; nothing, where the kernel has no tables at all."""
    text = run("nft", "--json", *command, check=False)
    found: dict[str, Any] = json.loads(text) if text.strip() else {}
    return found
