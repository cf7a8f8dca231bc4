"""ResourceSlice: what a driver offers, on which nodes."""

from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation.core.affinity import validate_node_selector
from kybern.api.validation.dynamic_resources.counters import validate_counter_set
from kybern.api.validation.dynamic_resources.device import DeviceRules
from kybern.api.validation.dynamic_resources.device_names import each_once, name_of, validate_driver, validate_pool
from kybern.api.validation.dynamic_resources.node_choice import node_choice
from kybern.api.validation.field import immutable, invalid, quote, required
from kybern.api.validation.internal_form import internal_form

_DEVICES_LIMIT, _ADVANCED_DEVICES_LIMIT, _COUNTER_SETS_LIMIT = 128, 64, 8
_ONE_SELECTION = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
_TERM = "io.k8s.api.core.v1.NodeSelectorTerm"


def validate_slice(obj: Object) -> Iterator[FieldError]:
    yield from _slice(obj.get("spec") or {}, None)


def validate_slice_update(new: Object, old: Object) -> Iterator[FieldError]:
    """The whole; what it is a part of stays."""
    yield from _slice(new.get("spec") or {}, old.get("spec") or {})


def warn_of_slice(new: Object, old: Object | None) -> Sequence[str]:
    driver = (new.get("spec") or {}).get("driver") or ""
    if driver == driver.lower():
        return ()
    return (f"spec.driver: driver names should be lowercase; {quote(driver)} contains uppercase characters",)


def _slice(spec: Object, old: Object | None) -> Iterator[FieldError]:
    yield from validate_driver(spec.get("driver") or "", "spec.driver")
    pool = spec.get("pool") or {}
    yield from _pool(pool, "spec.pool")
    if old is not None:
        known = (old.get("pool") or {}).get("name") or ""
        yield from immutable("spec.pool.name", pool.get("name") or "", known)
        for key in ("driver", "nodeName"):
            yield from immutable(f"spec.{key}", spec.get(key), old.get(key))
    yield from _selection(spec, "spec")
    devices, counter_sets = spec.get("devices"), spec.get("sharedCounters")
    if devices is not None and counter_sets is not None:
        yield invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed")
    advanced = any(device.get("taints") or device.get("consumesCounters") for device in devices or ())
    limit = _ADVANCED_DEVICES_LIMIT if advanced else _DEVICES_LIMIT
    before = {name_of(device): device for device in reversed((old or {}).get("devices") or ())}
    rules = DeviceRules(bool(spec.get("perDeviceNodeSelection")), before)
    yield from each_once(devices or (), limit, "spec.devices", rules.validate, name_of)
    yield from each_once(counter_sets or (), _COUNTER_SETS_LIMIT, "spec.sharedCounters", validate_counter_set, name_of)


def _pool(pool: Object, path: str) -> Iterator[FieldError]:
    yield from validate_pool(name_of(pool), f"{path}.name")
    count, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if count <= 0:
        yield invalid(f"{path}.resourceSliceCount", count, "must be greater than zero")
    if generation < 0:
        yield invalid(f"{path}.generation", generation, "must be greater than or equal to zero")


def _one_term(selector: Object, path: str) -> Iterator[FieldError]:
    yield from validate_node_selector(selector, path)
    terms = selector.get("nodeSelectorTerms")
    if len(terms or ()) != 1:
        shown = None if terms is None else [internal_form(_TERM, term) for term in terms]
        yield invalid(f"{path}.nodeSelectorTerms", shown, "must have exactly one node selector term")


def _selection(spec: Object, path: str) -> Iterator[FieldError]:
    no_name = "must be either unset or set to a non-empty string"
    chosen = yield from node_choice(spec, path, _one_term, ("allNodes", "perDeviceNodeSelection"), no_name)
    if not chosen:
        yield required(path, _ONE_SELECTION)
    elif len(chosen) > 1:
        yield invalid(path, f"{{{', '.join(chosen)}}}", f"{_ONE_SELECTION}, but multiple fields are set")
