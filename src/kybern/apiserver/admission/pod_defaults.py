"""What admission fills into Pods: priority, tolerations of broken nodes, overhead of their runtime class."""

from typing import Any

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup

PRIORITY_CLASSES = "priorityclasses.scheduling.k8s.io"
DEFAULT_PREEMPTION = "PreemptLowerPriority"
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
TOLERATION_SECONDS = 300


def _is_pod(attributes: Attributes) -> bool:
    return attributes.group_resource == "pods" and not attributes.subresource


class Priority(Plugin):
    """The number behind a Pod's priority class.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
    """

    about = ("pods", PRIORITY_CLASSES)

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._classes = lookup.cache(PRIORITY_CLASSES)
        self._seen = -1
        self._found: Object | None = None

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if not _is_pod(attributes):
            return
        spec = obj["spec"]
        if old is not None:
            for key in ("priority", "preemptionPolicy"):
                if spec.get(key) is None and old["spec"].get(key) is not None:
                    spec[key] = old["spec"][key]
            return
        name = spec.get("priorityClassName") or ""
        chosen = self._lookup.get(PRIORITY_CLASSES, name) if name else self._default()
        if name and chosen is None:
            raise attributes.forbidden(obj, _unknown_class(name))
        if chosen is not None and not name:
            spec["priorityClassName"] = chosen["metadata"]["name"]
        self._fill(attributes, obj, "priority", chosen.get("value", 0) if chosen else 0)
        self._fill(attributes, obj, "preemptionPolicy", (chosen or {}).get("preemptionPolicy") or DEFAULT_PREEMPTION)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if attributes.group_resource != PRIORITY_CLASSES or obj is None or not obj.get("globalDefault"):
            return
        default = self._default()
        is_new = attributes.operation == "CREATE"
        if default is not None and (is_new or default["metadata"]["name"] != obj["metadata"]["name"]):
            name = default["metadata"]["name"]
            why = f"PriorityClass {name} is already marked as default. Only one default can exist"
            raise attributes.forbidden(obj, why)

    def _default(self) -> Object | None:
        """Looked for again only when a class has changed."""
        if self._classes.changed != self._seen:
            self._seen = self._classes.changed
            defaults = [each for each in self._lookup.list(PRIORITY_CLASSES) if each.get("globalDefault")]
            self._found = min(defaults, key=lambda each: int(each.get("value", 0))) if defaults else None
        return self._found

    def _fill(self, attributes: Attributes, pod: Object, key: str, value: Any) -> None:
        given = pod["spec"].get(key)
        if given is not None and given != value:
            why = (
                f"the integer value of priority ({given}) must not be provided in pod spec; priority admission "
                f"controller computed {value} from the given PriorityClass name"
                if key == "priority"
                else f"the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority "
                f"admission controller computed {value} from the given PriorityClass name"
            )
            raise attributes.forbidden(pod, why)
        pod["spec"][key] = value


def _unknown_class(name: str) -> str:
    return f"no PriorityClass with name {name} was found"


class DefaultTolerationSeconds(Plugin):
    """Pods stay for a while on a node that is not ready or cannot be reached, unless they say otherwise."""

    about = ("pods",)

    def __init__(
        self, not_ready_seconds: int = TOLERATION_SECONDS, unreachable_seconds: int = TOLERATION_SECONDS
    ) -> None:
        self._added = tuple(
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
            for key, seconds in ((NOT_READY, not_ready_seconds), (UNREACHABLE, unreachable_seconds))
        )

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if not _is_pod(attributes):
            return
        tolerations = obj["spec"].get("tolerations")
        if not tolerations:
            obj["spec"]["tolerations"] = [dict(each) for each in self._added]
            return
        missing = [key for key in (NOT_READY, UNREACHABLE) if not any(_tolerates(each, key) for each in tolerations)]
        if missing:
            added = [dict(each) for each in self._added if each["key"] in missing]
            obj["spec"]["tolerations"] = [*tolerations, *added]


def _tolerates(toleration: Object, key: str) -> bool:
    if toleration.get("effect") not in (None, "", "NoExecute"):
        return False
    return toleration.get("key") in (None, "", key)


class RuntimeClass(Plugin):
    """Overhead and placing that a Pod's runtime class demands.

    Source: https://kubernetes.io/docs/concepts/containers/runtime-class/
    """

    about = ("pods",)

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        name = obj["spec"].get("runtimeClassName") if _is_pod(attributes) and old is None else None
        if not name:
            return
        chosen = self._lookup.get("runtimeclasses.node.k8s.io", name)
        if chosen is None:
            why = f'pod rejected: RuntimeClass "{name}" not found'
            raise attributes.forbidden(obj, why)
        spec = obj["spec"]
        overhead = (chosen.get("overhead") or {}).get("podFixed")
        if overhead:
            if spec.get("overhead") and spec["overhead"] != overhead:
                why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
                raise attributes.forbidden(obj, why)
            spec["overhead"] = dict(overhead)
        scheduling = chosen.get("scheduling") or {}
        if scheduling.get("nodeSelector"):
            spec["nodeSelector"] = _merged_selector(attributes, obj, scheduling["nodeSelector"])
        if scheduling.get("tolerations"):
            own = spec.get("tolerations") or []
            spec["tolerations"] = [*own, *(each for each in scheduling["tolerations"] if each not in own)]

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        """Webhooks may have changed the Pod since."""
        if obj is None or old is not None or not _is_pod(attributes):
            return
        overhead, name = obj["spec"].get("overhead"), obj["spec"].get("runtimeClassName")
        if overhead is None and not name:
            return
        chosen = self._lookup.get("runtimeclasses.node.k8s.io", name) if name else None
        if name and chosen is None:
            raise attributes.forbidden(obj, f'pod rejected: RuntimeClass "{name}" not found')
        defined = ((chosen or {}).get("overhead") or {}).get("podFixed")
        if defined and defined != overhead:
            raise attributes.forbidden(
                obj, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
            )
        if overhead is not None and not defined:
            why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            raise attributes.forbidden(obj, why)


def _merged_selector(attributes: Attributes, pod: Object, selector: Object) -> Object:
    own = pod["spec"].get("nodeSelector") or {}
    for key, value in selector.items():
        if own.get(key, value) != value:
            why = (
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {own[key]}"
            )
            raise attributes.forbidden(pod, why)
    return {**own, **selector}
