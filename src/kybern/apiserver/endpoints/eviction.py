"""POST of an Eviction: deletes a Pod if its PodDisruptionBudget allows that now.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from dataclasses import replace

from kybern.api.resource import Object, Resource
from kybern.api.schema import codec
from kybern.api.selectors import SelectorError, labels_from_struct
from kybern.apiserver import answer, decode, status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.binding import PODS, SUCCESS
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.delete import DeleteOptions, check_record, delete
from kybern.apiserver.objects.update import Preconditions, update
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, Forbidden, InternalError, TooManyRequests
from kybern.transport.exchange import Response

BUDGETS = ("policy", "v1", "poddisruptionbudgets")
EVICTION = Resource("policy", "v1", "Eviction", "evictions", True)
DISRUPTED_LIMIT = 2000
"""Pods whose eviction a budget may remember at once."""
RETRY_SECONDS = 10
TARGET = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
}
"""The condition of a Pod that is evicted."""
REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget."


async def evict_pod(at: Surroundings, call: Call, served: Served) -> Response:
    """201 and a Status; 429 where the budget does not allow it."""
    decode.check_write_options(call)
    eviction = decode.body_object(call, served, codec("policy/v1", "Eviction"), EVICTION)
    name = call.info.name
    if eviction["metadata"].get("name", "") != name:
        raise BadRequest("name in URL does not match name in Eviction object")
    pods = at.served[PODS]
    version = pods.find(call.info.namespace, name)
    if version is None:
        raise status.not_found(pods.resource, name)
    pod = pods.parse(version)
    attributes = attributes_of(call, pods, "CREATE", "eviction")
    await at.life.admission.mutate(attributes, eviction, None)
    await at.life.admission.validate(attributes, eviction, None)
    decode.check_delete_options(call, eviction.get("deleteOptions") or {})
    options = _options(eviction, pod)
    if not _may_go(pod):
        await _spend_budget(at, attributes, pod)
    removal = attributes_of(call, pods, "DELETE")
    removal.dry_run = attributes.dry_run = attributes.dry_run or bool(options.raw.get("dryRun"))
    if not removal.dry_run:
        options = await _say_why(at, pods, options, removal)
    await delete(at.life, pods, options, removal)
    return answer.document(call, SUCCESS, status.CREATED)


def _options(eviction: Object, pod: Object) -> DeleteOptions:
    raw = eviction.get("deleteOptions") or {}
    wanted = raw.get("preconditions") or {}
    uid = wanted.get("uid")
    preconditions = Preconditions(pod["metadata"]["uid"] if uid is None else uid, wanted.get("resourceVersion"))
    return DeleteOptions(raw.get("gracePeriodSeconds"), raw.get("propagationPolicy") or "", preconditions, raw)


async def _say_why(at: Surroundings, pods: Served, options: DeleteOptions, removal: Attributes) -> DeleteOptions:
    """Write the condition DisruptionTarget into the Pod; the options with what that makes of their preconditions.

    Nobody comes to own the condition."""
    now = at.life.timestamp()
    spending = Attributes("UPDATE", pods.resource, removal.namespace, removal.name, subresource="status")

    def edit(pod: Object) -> Object:
        check_record(options.preconditions, pods.resource, pod)
        conditions = pod.setdefault("status", {}).setdefault("conditions", [])
        old = next((each for each in conditions if each["type"] == TARGET["type"]), None)
        if old is None:
            conditions.append({**TARGET, "lastProbeTime": None, "lastTransitionTime": now})
        else:
            moved = old["status"] != TARGET["status"]
            old.update(TARGET, **({"lastTransitionTime": now} if moved else {}))
        return pod

    await update(at.life, pods, edit, spending, tracks=False)
    return replace(options, preconditions=Preconditions(options.preconditions.uid))


def _may_go(pod: Object) -> bool:
    """Pods that serve nobody are not protected."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or bool(pod["metadata"].get("deletionTimestamp"))


async def _spend_budget(at: Surroundings, attributes: Attributes, pod: Object) -> None:
    """Take one of the disruptions that the budget allows. Raises TooManyRequests, InternalError."""
    budgets = at.served[BUDGETS]
    matching = [budget for budget in _budgets(budgets, pod["metadata"]["namespace"]) if _selects(budget, pod)]
    if not matching:
        return
    if len(matching) > 1:
        raise InternalError(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    budget = matching[0]
    if _is_unhealthy(pod) and _unhealthy_may_go(budget):
        return
    spending = Attributes(
        "UPDATE",
        budgets.resource,
        budget["metadata"]["namespace"],
        budget["metadata"]["name"],
        subresource="status",
        dry_run=attributes.dry_run,
    )
    now = at.life.timestamp()

    def edit(current: Object) -> Object:
        _check(current)
        return _spent(current, pod["metadata"]["name"], now)

    await update(at.life, budgets, edit, spending)


def _budgets(budgets: Served, namespace: str) -> list[Object]:
    return [budgets.parse(budgets.cache.objects[key]) for key in budgets.cache.keys_in(namespace)]


def _selects(budget: Object, pod: Object) -> bool:
    try:
        selector = labels_from_struct((budget.get("spec") or {}).get("selector"))
    except SelectorError:
        return False
    return bool(selector.matches(pod["metadata"].get("labels") or {}))


def _is_unhealthy(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return not any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _unhealthy_may_go(budget: Object) -> bool:
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    state = budget.get("status") or {}
    return bool(state.get("currentHealthy", 0) >= state.get("desiredHealthy", 0) > 0)


def _check(budget: Object) -> None:
    """Raises TooManyRequests, Forbidden."""
    name, state = budget["metadata"]["name"], budget.setdefault("status", {})
    if state.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _too_many(f"The disruption budget {name} is still being processed by the server.", RETRY_SECONDS)
    allowed = state.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise _forbidden(name, "pdb disruptions allowed is negative")
    if len(state.get("disruptedPods") or {}) > DISRUPTED_LIMIT:
        raise _forbidden(name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    if allowed == 0:
        raise _too_many(_why_none(name, state), 0)


def _why_none(name: str, state: Object) -> str:
    """Why a budget allows nothing now."""
    desired, current = state.get("desiredHealthy", 0), state.get("currentHealthy", 0)
    found = (each for each in state.get("conditions") or () if each["type"] == "DisruptionAllowed")
    condition = next(found, None)
    said = condition.get("message", "") if condition is not None and condition["status"] == "False" else ""
    if condition is not None and said and condition["reason"] == "SyncFailed":
        return f"The disruption budget {name} does not allow evicting pods currently because it failed sync: {said}"
    if current <= desired:
        return f"The disruption budget {name} needs {desired} healthy pods and has {current} currently"
    if condition is not None and said:
        return f"The disruption budget {name} does not allow evicting pods currently ({condition['reason']}): {said}"
    return f"The disruption budget {name} does not allow evicting pods currently"


def _forbidden(name: str, why: str) -> Forbidden:
    return Forbidden(
        f'poddisruptionbudget.policy "{name}" is forbidden: {why}',
        details={"name": name, "group": "policy", "kind": "poddisruptionbudget"},
    )


def _too_many(message: str, retry_seconds: int) -> TooManyRequests:
    details: Object = {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    if retry_seconds:
        details["retryAfterSeconds"] = retry_seconds
    return TooManyRequests(REFUSAL, details=details)


def _spent(budget: Object, pod: str, now: str) -> Object:
    """One disruption fewer."""
    state = budget["status"]
    state["disruptionsAllowed"] -= 1
    state.setdefault("disruptedPods", {})[pod] = now
    if state["disruptionsAllowed"] == 0:
        _tell_insufficient(state, now)
    return budget


def _tell_insufficient(state: Object, now: str) -> None:
    """The condition DisruptionAllowed, which a budget that nobody has looked at yet does not have."""
    conditions = state["conditions"] = list(state.get("conditions") or ())
    told = {"status": "False", "observedGeneration": state.get("observedGeneration", 0)}
    why = {"reason": "InsufficientPods", "message": ""}
    for index, each in enumerate(conditions):
        if each["type"] == "DisruptionAllowed":
            moved = each.get("lastTransitionTime") if each["status"] == "False" else now
            conditions[index] = {**each, **told, "lastTransitionTime": moved, **why}
            return
    conditions.append({"type": "DisruptionAllowed", **told, "lastTransitionTime": now, **why})
