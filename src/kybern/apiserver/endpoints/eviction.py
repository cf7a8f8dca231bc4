"""POST of an Eviction: deletes a Pod if its PodDisruptionBudget allows that now.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from kybern.api.resource import Object, Resource
from kybern.api.schema import codec
from kybern.api.selectors import SelectorError, labels_from_struct
from kybern.apiserver import answer, decode, status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.binding import PODS, SUCCESS
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.delete import DeleteOptions, delete
from kybern.apiserver.objects.update import Preconditions, update
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, Forbidden, InternalError, TooManyRequests
from kybern.transport.exchange import Response

BUDGETS = ("policy", "v1", "poddisruptionbudgets")
EVICTION = Resource("policy", "v1", "Eviction", "evictions", True)
DISRUPTED_LIMIT = 2000
"""Pods whose eviction a budget may remember at once."""
RETRY_SECONDS = 10
REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget."


async def evict_pod(at: Surroundings, call: Call, served: Served) -> Response:
    """201 and a Status; 429 where the budget does not allow it."""
    decode.check_write_options(call)
    eviction = decode.body_object(call, served, codec("policy/v1", "Eviction"), EVICTION)
    name = eviction["metadata"].get("name") or call.info.name
    if name != call.info.name:
        raise BadRequest(f"name in URL does not match name in Eviction object: {call.info.name} != {name}")
    pods = at.served[PODS]
    version = pods.find(call.info.namespace, name)
    if version is None:
        raise status.not_found(pods.resource, name)
    pod = pods.parse(version)
    attributes = attributes_of(call, pods, "CREATE", "eviction")
    await at.life.admission.mutate(attributes, eviction, None)
    await at.life.admission.validate(attributes, eviction, None)
    options = _options(eviction, pod)
    if not _may_go(pod):
        await _spend_budget(at, attributes, pod)
    removal = attributes_of(call, pods, "DELETE")
    removal.dry_run = attributes.dry_run = attributes.dry_run or bool(options.raw.get("dryRun"))
    await delete(at.life, pods, options, removal)
    return answer.document(call, SUCCESS, status.CREATED)


def _options(eviction: Object, pod: Object) -> DeleteOptions:
    raw = eviction.get("deleteOptions") or {}
    wanted = raw.get("preconditions") or {}
    preconditions = Preconditions(wanted.get("uid") or pod["metadata"]["uid"], wanted.get("resourceVersion") or "")
    return DeleteOptions(raw.get("gracePeriodSeconds"), raw.get("propagationPolicy") or "", preconditions, raw)


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
        current["status"]["disruptionsAllowed"] -= 1
        current["status"].setdefault("disruptedPods", {})[pod["metadata"]["name"]] = now
        return current

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
    name, state = budget["metadata"]["name"], budget.setdefault("status", {})
    if state.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _too_many(f"The disruption budget {name} is still being processed by the server.")
    allowed = state.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise Forbidden(f'poddisruptionbudgets.policy "{name}" is forbidden: pdb disruptions allowed is negative')
    if len(state.get("disruptedPods") or {}) > DISRUPTED_LIMIT:
        raise Forbidden(
            f'poddisruptionbudgets.policy "{name}" is forbidden: DisruptedPods map too big - too many evictions not '
            "confirmed by PDB controller"
        )
    if allowed == 0:
        raise _too_many(
            f"The disruption budget {name} needs {state.get('desiredHealthy', 0)} healthy pods and has "
            f"{state.get('currentHealthy', 0)} currently"
        )


def _too_many(message: str) -> TooManyRequests:
    cause = {"reason": "DisruptionBudget", "message": message}
    return TooManyRequests(REFUSAL, details={"causes": [cause], "retryAfterSeconds": RETRY_SECONDS})
