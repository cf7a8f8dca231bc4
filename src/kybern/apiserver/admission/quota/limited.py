"""What may be used only where a quota covers it: `limitedResources` of the plugin's configuration. Pure.

Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/#limit-priority-class-consumption-by-default
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kybern.api import quantity
from kybern.api.quota import Evaluator
from kybern.api.quota.amounts import Amounts
from kybern.api.resource import Object


@dataclass(frozen=True, slots=True)
class LimitedResource:
    group_resource: str
    contains: tuple[str, ...] = ()
    """Parts of names as quotas have them: whoever uses what is so named needs a quota that limits it."""
    scopes: tuple[Object, ...] = ()
    """Scope selectors: whatever falls under one needs a quota with such a scope."""


def limited_resources(settings: Mapping[str, Any]) -> tuple[LimitedResource, ...]:
    """Those of a ResourceQuotaConfiguration. Raises ValueError."""
    found = []
    for index, row in enumerate(settings.get("limitedResources") or ()):
        if not row.get("resource"):
            raise ValueError(f"limitedResources[{index}].resource: Required value")
        name = f"{row['resource']}.{row['apiGroup']}" if row.get("apiGroup") else row["resource"]
        contains, scopes = tuple(row.get("matchContains") or ()), tuple(row.get("matchScopes") or ())
        found.append(LimitedResource(name, contains, scopes))
    return tuple(found)


def uncovered_names(
    limited: Iterable[LimitedResource], evaluator: Evaluator, usage: Amounts, covered: Iterable[str]
) -> list[str]:
    """What is used, must be covered and is not, in order."""
    parts = [part for row in limited if row.group_resource == evaluator.group_resource for part in row.contains]
    used = (name for name, amount in usage.items() if quantity.parse(amount) > 0)
    return sorted({name for name in used if any(part in name for part in parts)}.difference(covered))


def uncovered_scopes(
    limited: Iterable[LimitedResource], evaluator: Evaluator, obj: Object, selectors: Iterable[Object]
) -> list[Object]:
    """The selectors that take the object in, where none of that name among the quotas' `selectors` does."""
    wanted = [selector for row in limited for selector in row.scopes if evaluator.in_scope(selector, obj)]
    if not wanted:
        return []
    covered = {selector["scopeName"] for selector in selectors if evaluator.in_scope(selector, obj)}
    return [selector for selector in wanted if selector["scopeName"] not in covered]


def shown(selectors: Iterable[Object]) -> str:
    """Selectors as upstream prints them."""
    rows = (
        f"{{{each['scopeName']} {each.get('operator', '')} [{' '.join(each.get('values') or ())}]}}"
        for each in selectors
    )
    return f"[{' '.join(rows)}]"
