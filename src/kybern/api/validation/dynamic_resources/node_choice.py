"""On which nodes devices are: a ResourceSlice, and a device that tells its own, say so in one way of several."""

from collections.abc import Callable, Generator, Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, invalid

SelectorRules = Callable[[Object, str], Iterator[FieldError]]


def node_choice(
    holder: Object, path: str, rules: SelectorRules, flags: Sequence[str], no_name: str
) -> Generator[FieldError, None, list[str]]:
    """Each way by its own rules; returns the ways taken, quoted for messages. `flags`: fields that are true or unset;
    `no_name`: what is said of an empty name."""
    taken = []
    node, selector = holder.get("nodeName"), holder.get("nodeSelector")
    if node:
        taken.append("`nodeName`")
        yield from each_invalid(f"{path}.nodeName", node, names.dns_subdomain(node))
    elif node is not None:
        yield invalid(f"{path}.nodeName", node, no_name)
    if selector is not None:
        taken.append("`nodeSelector`")
        yield from rules(selector, f"{path}.nodeSelector")
    for flag in flags:
        if holder.get(flag):
            taken.append(f"`{flag}`")
        elif holder.get(flag) is not None:
            yield invalid(f"{path}.{flag}", holder[flag], "must be either unset or set to true")
    return taken
