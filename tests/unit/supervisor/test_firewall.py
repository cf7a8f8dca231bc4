"""Which chains of others stand in the way of what the machine forwards."""

from kybern.supervisor.firewall import MATCHES, dropping_chains


def chain(name: str, **more: str) -> dict[str, object]:
    return {"chain": {"family": "ip", "table": "filter", "name": name, **more}}


def test_only_forwarding_chains_that_drop_are_opened() -> None:
    listing = {
        "nftables": [
            {"metainfo": {"version": "1.0.6"}},
            chain("FORWARD", hook="forward", policy="drop"),
            chain("INPUT", hook="input", policy="drop"),
            chain("DOCKER"),
            chain("open", hook="forward", policy="accept"),
            chain("both", family="inet", hook="forward", policy="drop"),
            chain("six", family="ip6", hook="forward", policy="drop"),
        ]
    }
    assert list(dropping_chains(listing)) == ["ip filter FORWARD", "inet filter both"]
    assert list(dropping_chains({})) == []


def test_pods_and_nodes_pass_in_both_directions() -> None:
    assert set(MATCHES) == {
        f"ip {end} {network}" for end in ("saddr", "daddr") for network in ("10.244.0.0/16", "10.89.0.0/24")
    }
