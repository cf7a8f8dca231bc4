"""The Service table's cost: `python bench/proxy.py [SERVICES]` as root, in a network namespace of its own.

Full load of SERVICES × 3 endpoints, then one Service's endpoint replaced among them: in the kernel, and as a whole
(deciding included).
"""

import ctypes
import sys
import time
from statistics import median

from kybern.api.types import convert
from kybern.api.types.core_v1 import Service
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.proxy.decide import decide_service
from kybern.proxy.endpoints import Here
from kybern.proxy.ledger import Change, Ledger
from kybern.proxy.nft import Nft, ServiceTable

CLONE_NEWNET = 0x40000000
UPDATES = 200


def service(number: int) -> Service:
    address = f"10.{96 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
    spec = {"clusterIP": address, "clusterIPs": [address], "ports": [{"port": 80}]}
    return convert({"metadata": {"name": f"s{number}", "namespace": "default"}, "spec": spec}, Service)


def slice_of(number: int, last: int) -> EndpointSlice:
    addresses = [f"10.244.{number // 250 % 250}.{each}" for each in (1, 2, last)]
    body = {"addressType": "IPv4", "endpoints": [{"addresses": [a]} for a in addresses], "ports": [{"port": 8080}]}
    return convert(body, EndpointSlice)


def main(services: int) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        sys.exit("needs root")
    ledger, table = Ledger(), ServiceTable(Nft(), "10.244.0.0/16")
    started = time.perf_counter()
    for number in range(services):
        plan = decide_service(service(number), [slice_of(number, 3)], Here("n"), ledger.identify)
        ledger.claim(str(number), plan.elements, Change())
    decided = time.perf_counter()
    table.replace(ledger.elements())
    loaded = time.perf_counter()
    whole, kernel = [], []
    for turn in range(UPDATES):
        number = turn * 37 % services
        began = time.perf_counter()
        change = Change()
        plan = decide_service(service(number), [slice_of(number, 4 + turn % 200)], Here("n"), ledger.identify)
        ledger.claim(str(number), plan.elements, change)
        middle = time.perf_counter()
        change.lost_backends.clear()
        table.apply(change)
        ended = time.perf_counter()
        whole.append(ended - began)
        kernel.append(ended - middle)
    print(f"{services} Services x 3: decide {decided - started:.2f} s, load {loaded - decided:.2f} s")
    print(f"one endpoint replaced: kernel {median(kernel) * 1e3:.2f} ms, whole {median(whole) * 1e3:.2f} ms (p50)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
