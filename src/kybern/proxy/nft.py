"""The only one that touches the kernel: transactions of nftables through libnftables, by ctypes.

A transaction happens as a whole or not at all. The library releases the GIL while it works.
"""

import ctypes
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock

from kybern.proxy.decide import Element, Elements
from kybern.proxy.ledger import Change
from kybern.proxy.table import TABLE, base_table, size_chains, verdict_chain

LIBRARY = "libnftables.so.1"
FIRST_SIZE = 32
"""Groups of up to so many endpoints have their chains from the start: nft 1.0.6 cannot add a rule that reads a map with
`th dport` to a table which the kernel holds already."""
LOAD_BATCH = 4000
"""Elements of one command: a longer line costs the parser more than it saves."""
ROUTE_LOOPBACK = Path("/proc/sys/net/ipv4/conf/all/route_localnet")
REMEMBERED = re.compile(r"([\d.]+) \. (0x[0-9a-f]{8}) [^:,]*: ([\d.]+ \. [\w-]+)")


class NftError(Exception):
    """The kernel or the library refused a transaction; nothing of it happened."""


class Nft:
    """One context of libnftables. Not for two threads at once: calls wait for each other."""

    def __init__(self) -> None:
        library = ctypes.CDLL(LIBRARY)
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
        library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
        for name in ("buffer_output", "buffer_error", "get_output_buffer", "get_error_buffer", "free"):
            getattr(library, f"nft_ctx_{name}").argtypes = [ctypes.c_void_p]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self._library = library
        self._context = ctypes.c_void_p(library.nft_ctx_new(0))
        library.nft_ctx_buffer_output(self._context)
        library.nft_ctx_buffer_error(self._context)
        self._lock = Lock()

    def run(self, text: str) -> str:
        """Run commands as one transaction; what they list. Raises NftError."""
        with self._lock:
            failed = self._library.nft_run_cmd_from_buffer(self._context, text.encode())
            message = self._library.nft_ctx_get_error_buffer(self._context)
            output = self._library.nft_ctx_get_output_buffer(self._context)
        if failed:
            raise NftError((message or b"").decode(errors="replace")[:2000])
        return (output or b"").decode(errors="replace")


class ServiceTable:
    """The table `kybern-proxy` of this network namespace."""

    def __init__(self, nft: Nft, pod_network: str) -> None:
        self._nft = nft
        self._pod_network = pod_network
        self.own_pods = ""
        """The range of this node's Pods, from the next `replace` on."""
        self._chains: set[str] = set()
        self._size = FIRST_SIZE

    def replace(self, elements: Elements) -> None:
        """Put a table with these elements in place of whatever is there, in one step. Raises NftError."""
        named = _chains(elements)
        while not named - _affinity_chains(named) <= size_chains(self._size):
            self._size *= 2
        chains = size_chains(self._size) | named
        lines = [f"add table ip {TABLE}", f"delete table ip {TABLE}", self._base()]
        lines += [line for chain in sorted(chains) for line in verdict_chain(chain)]
        self._nft.run("\n".join(lines + _additions(elements)) + "\n")
        self._chains = chains

    def _base(self) -> str:
        return base_table(self._pod_network, routes_loopback(), self.own_pods)

    def fits(self, change: Change) -> bool:
        """Whether `apply` can carry a change out; if not, a group has outgrown the chains, and `replace` makes more."""
        missing = _chains(change.added) - self._chains
        return missing == _affinity_chains(missing)

    def apply(self, change: Change) -> None:
        """Carry a change that fits out, in one step. Raises NftError: the table is as before, `replace` mends it."""
        missing = _chains(change.added) - self._chains
        assert missing == _affinity_chains(missing), "replace the table when a change does not fit"
        lines = [line for chain in sorted(missing) for line in verdict_chain(chain)]
        self._nft.run("\n".join(lines + _removals(change.removed) + _additions(change.added)) + "\n")
        self._chains |= missing
        if change.lost_backends:
            self.forget_clients(change.lost_backends)

    def forget_clients(self, lost: Iterable[tuple[str, str]]) -> None:
        """Let clients go that are remembered with endpoints (group mark, `address . port`) that are gone."""
        gone = set(lost)
        for client, mark, backend in REMEMBERED.findall(self._nft.run(f"list map ip {TABLE} affinity")):
            if (mark, backend) in gone:
                try:
                    self._nft.run(f"delete element ip {TABLE} affinity {{ {client} . {mark} }}")
                except NftError:
                    continue  # It expired in this very moment.

    def remove(self) -> None:
        """Take the table away."""
        self._nft.run(f"add table ip {TABLE}\ndelete table ip {TABLE}\n")


def routes_loopback() -> bool:
    """Whether this network namespace lets packets from and to 127.0.0.1 pass its links."""
    return ROUTE_LOOPBACK.read_text().strip() == "1"


def _chains(elements: Mapping[Element, str]) -> set[str]:
    return {
        value.removeprefix("goto ")
        for (table, _), value in elements.items()
        if table in ("counts", "remember") and value.startswith("goto ")
    }


def _affinity_chains(chains: set[str]) -> set[str]:
    return {name for name in chains if name.startswith("aff")}


def _removals(elements: Iterable[Element]) -> list[str]:
    by_table: defaultdict[str, list[str]] = defaultdict(list)
    for table, key in elements:
        by_table[table].append(key)
    return [f"delete element ip {TABLE} {table} {{ {', '.join(keys)} }}" for table, keys in by_table.items()]


def _additions(elements: Mapping[Element, str]) -> list[str]:
    by_table: defaultdict[str, list[str]] = defaultdict(list)
    for (table, key), value in elements.items():
        by_table[table].append(f"{key} : {value}" if value else key)
    return [
        f"add element ip {TABLE} {table} {{ {', '.join(texts[start : start + LOAD_BATCH])} }}"
        for table, texts in by_table.items()
        for start in range(0, len(texts), LOAD_BATCH)
    ]
