"""What the scheduler counts of its own work, under upstream's names."""

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass

from kybern.base.clock import Clock
from kybern.metrics.family import COUNTER, GAUGE, Family
from kybern.metrics.series import Counter, Histogram, exponential
from kybern.scheduler.state import Placement, SchedulerState, Verdict

SECONDS = exponential(0.001, 2, 15)
PLACES = ("active", "backoff", "unschedulable", "gated")
SCHEDULED, UNSCHEDULABLE, ERROR = "scheduled", "unschedulable", "error"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One decision on a Pod, on its way to being carried out. Times are monotonic seconds."""

    verdict: Verdict
    began: float
    profile: str
    number: int
    """Which attempt of this Pod it is."""
    entered: float
    """When the Pod came into the queue."""


class SchedulerMetrics:
    """Told by the loop; what can be read from the state is read when somebody asks."""

    def __init__(self, clock: Clock, state: SchedulerState) -> None:
        self._clock = clock
        self._state = state
        self._attempts = Counter(
            "scheduler_schedule_attempts_total",
            "[STABLE] Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be "
            "scheduled, while 'error' means an internal scheduler problem.",
            "result",
            "profile",
        )
        self._attempt_seconds = Histogram(
            "scheduler_scheduling_attempt_duration_seconds",
            "[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + binding)",
            SECONDS,
            "result",
            "profile",
        )
        self._algorithm_seconds = Histogram(
            "scheduler_scheduling_algorithm_duration_seconds",
            "[ALPHA] Scheduling algorithm latency in seconds",
            SECONDS,
        )
        self._pod_attempts = Histogram(
            "scheduler_pod_scheduling_attempts",
            "[STABLE] Number of attempts to successfully schedule a pod.",
            exponential(1, 2, 5),
        )
        self._pod_seconds = Histogram(
            "scheduler_pod_scheduling_sli_duration_seconds",
            "[BETA] E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might "
            "involve multiple scheduling attempts.",
            exponential(0.01, 2, 20),
            "attempts",
        )
        self._preemptions = Counter(
            "scheduler_preemption_attempts_total", "[STABLE] Total preemption attempts in the cluster till now"
        )
        self._victims = Histogram(
            "scheduler_preemption_victims", "[STABLE] Number of selected preemption victims", exponential(1, 2, 7)
        )

    def decided(self, verdict: Verdict, began: float) -> Attempt:
        """A verdict was found; one that places nothing ends its attempt here."""
        self._algorithm_seconds.observe(self._clock.monotonic() - began)
        key = verdict.request.key
        number, entered = self._state.queue.history_of(key)
        attempt = Attempt(verdict, began, self._state.profile_of(key), number, entered)
        if not isinstance(verdict, Placement):
            self._ended(attempt, UNSCHEDULABLE)
            if verdict.plan.message or verdict.plan.victims:
                self._preemptions.count()
            if verdict.plan.victims:
                self._victims.observe(len(verdict.plan.victims))
        return attempt

    def placed(self, attempt: Attempt) -> None:
        """The Pod is bound."""
        self._ended(attempt, SCHEDULED)
        self._pod_attempts.observe(attempt.number)
        self._pod_seconds.observe(self._clock.monotonic() - attempt.entered, str(min(attempt.number, 16)))

    def failed(self, attempt: Attempt) -> None:
        """The binding came to nothing."""
        self._ended(attempt, ERROR)

    def _ended(self, attempt: Attempt, result: str) -> None:
        self._attempts.count(result, attempt.profile)
        self._attempt_seconds.observe(self._clock.monotonic() - attempt.began, result, attempt.profile)

    def families(self) -> Iterator[Family]:
        counted = (
            self._attempts, self._attempt_seconds, self._algorithm_seconds, self._pod_attempts, self._pod_seconds,
            self._preemptions, self._victims,
        )  # fmt: skip
        yield from (each.family() for each in counted)
        yield self._incoming()
        yield self._pending()
        yield self._unschedulable()
        yield self._cached()

    def _incoming(self) -> Family:
        text = "[STABLE] Number of pods added to scheduling queues by event and queue type."
        family = Family("scheduler_queue_incoming_pods_total", COUNTER, text)
        for (place, event), count in self._state.queue.incoming.items():
            family.add(count, queue=place, event=event)
        return family

    def _pending(self) -> Family:
        text = (
            "[STABLE] Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' "
            "means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the "
            "scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler "
            "never attempted to schedule because they are gated."
        )
        family = Family("scheduler_pending_pods", GAUGE, text)
        places = Tally(waiting.place for waiting in self._state.queue)
        for place in PLACES:
            family.add(places[place], queue=place)
        return family

    def _unschedulable(self) -> Family:
        text = (
            "[BETA] The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all "
            "plugins that caused it to not schedule and so this metric have meaning only when broken down by plugin."
        )
        family = Family("scheduler_unschedulable_pods", GAUGE, text)
        waiting = [each for each in self._state.queue if each.place == "unschedulable"]
        counts = Tally(
            (plugin, self._state.profile_of(each.request.key)) for each in waiting for plugin in each.plugins
        )
        for (plugin, profile), count in counts.items():
            family.add(count, plugin=plugin, profile=profile)
        return family

    def _cached(self) -> Family:
        text = "[ALPHA] Number of nodes, pods, and assumed (bound) pods in the scheduler cache."
        family = Family("scheduler_cache_size", GAUGE, text)
        for kind, count in self._state.sizes().items():
            family.add(count, type=kind)
        return family
