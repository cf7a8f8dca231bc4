"""What a whole Pod asks for: its containers' requests and limits put together.

Init containers run one after another before the others, so the greatest of them counts; those that go on (restartPolicy
Always) add to all that starts after them. What the Pod itself asks for replaces its containers' sum, name by name, and
the runtime class's overhead comes on top. Source: k8s.io/component-helpers resource, KEP-753, KEP-2837.
"""

from collections.abc import Iterable
from typing import Literal

from kybern.api.quota.amounts import Amounts, add, largest
from kybern.api.resource import Object

Side = Literal["requests", "limits"]
_POD_LEVEL = ("cpu", "memory")
_HUGE_PAGES = "hugepages-"


def pod_amounts(spec: Object, side: Side, *, overhead: bool = True) -> dict[str, str]:
    """Requests or limits of a Pod's spec; limit ranges leave the overhead out."""
    total = _sum(_of(container, side) for container in spec.get("containers") or ())
    going_on: dict[str, str] = {}
    starting: dict[str, str] = {}
    for container in spec.get("initContainers") or ():
        own = _of(container, side)
        if container.get("restartPolicy") == "Always":
            total = add(total, own)
            going_on = add(going_on, own)
            starting = largest(starting, going_on)
        else:
            starting = largest(starting, add(own, going_on))
    if starting:
        total = largest(total, starting)
    total |= {name: amount for name, amount in _of(spec, side).items() if is_pod_level(name)}
    return _with_overhead(total, spec.get("overhead") or {}, side) if overhead else total


def is_pod_level(name: str) -> bool:
    """Whether a Pod may ask for it as a whole."""
    return name in _POD_LEVEL or name.startswith(_HUGE_PAGES)


def _of(holder: Object, side: Side) -> Amounts:
    amounts: Amounts = (holder.get("resources") or {}).get(side) or {}
    return amounts


def _sum(parts: Iterable[Amounts]) -> dict[str, str]:
    total: Amounts = {}
    for part in parts:
        total = add(total, part) if total else part
    return dict(total)


def _with_overhead(total: dict[str, str], overhead: Amounts, side: Side) -> dict[str, str]:
    """A limit that nobody set is not made by overhead."""
    if side == "limits":
        overhead = {name: amount for name, amount in overhead.items() if name in total}
    return add(total, overhead) if overhead else total
