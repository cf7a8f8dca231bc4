"""Lets go of ServiceAccount tokens that were made without being asked for, as clusters before 1.24 did, and that nobody
uses: first they are marked invalid, a year later deleted
(pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from kybern.api.types.core_v1 import ConfigMap, Pod, Secret, ServiceAccount
from kybern.base.clock import parse_time
from kybern.base.errors import NotFound
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Delete, Done, Outcome, Patch, Plan, RequeueAfter
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.service_account_tokens import ACCOUNT_NAME, ACCOUNT_UID, TYPE
from kybern.trace import Verdict

NAME = "legacy-serviceaccount-token-cleaner-controller"
TRACKING = "kube-apiserver-legacy-service-account-token-tracking"
LAST_USED = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"

DAY_SECONDS = 24 * 3600.0
CLEAN_UP_SECONDS = 365 * DAY_SECONDS
"""Upstream's --legacy-service-account-token-clean-up-period."""

WATCHES = watch(Secret).reads(ServiceAccount, Pod)


def controller(clean_up_seconds: float) -> Controller:
    return Controller(NAME, WATCHES, Cleaner(clean_up_seconds).reconcile)


@dataclass(frozen=True, slots=True)
class Cleaner:
    clean_up_seconds: float
    """For how long a token stays that nobody uses, and again as long once it is invalid."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        secret = cluster.get(Secret, key)
        if secret is None or secret.type != TYPE or secret.metadata.deletion_timestamp:
            return Done()
        if _is_generated(secret, cluster) and not _is_mounted(secret, cluster):
            since = await _tracked_since(cluster)
            if since is not None and cluster.now() >= since + self.clean_up_seconds:
                await cluster.apply(self.decide(secret, cluster.now()))
        return RequeueAfter(DAY_SECONDS)

    def decide(self, secret: Secret, now: float) -> Plan:
        """Pure: of a token that came without asking and that no Pod mounts."""
        plan = Plan(secret)
        if self._is_due(secret, now):
            self._clean(plan, secret, now)
        return plan

    def _is_due(self, secret: Secret, now: float) -> bool:
        """Neither made nor used of late. A date that is none tells nothing."""
        limit = now - self.clean_up_seconds
        if parse_time(secret.metadata.creation_timestamp) >= limit:
            return False
        used = secret.metadata.labels.get(LAST_USED)
        return used is None or (_begin(used) is not None and used < _day(limit))

    def _clean(self, plan: Plan, secret: Secret, now: float) -> None:
        since = secret.metadata.labels.get(INVALID_SINCE, "")
        if _begin(since) is None:
            change = {"metadata": {"uid": secret.metadata.uid, "labels": {INVALID_SINCE: _day(now)}}}
            plan.patches.append(Patch(secret, change))
            plan.decide(Verdict.ACTED, "Invalidated", "nobody used the token for long")
        elif since < _day(now - self.clean_up_seconds):
            plan.deletes.append(Delete(secret))
            plan.decide(Verdict.ACTED, "Cleaned", f"the token is invalid since {since}")


def _is_generated(secret: Secret, cluster: Cluster) -> bool:
    """Only tokens that came without asking are listed by their ServiceAccount."""
    meta = secret.metadata
    account = cluster.get(ServiceAccount, Key(meta.namespace, meta.annotations.get(ACCOUNT_NAME, "")))
    if account is None or meta.annotations.get(ACCOUNT_UID) not in (None, "", account.metadata.uid):
        return False
    return any(each.name == meta.name for each in account.secrets)


async def _tracked_since(cluster: Cluster) -> float | None:
    """The begin of the first whole day of which uses are known; None where none are."""
    try:
        tracking = await cluster.client.get(ConfigMap, TRACKING, "kube-system")
    except NotFound:
        return None
    begin = _begin(tracking.data.get("since", ""))
    return None if begin is None else begin + DAY_SECONDS


def _is_mounted(secret: Secret, cluster: Cluster) -> bool:
    name = secret.metadata.name
    return any(
        name in set(_names(msgspec.to_builtins(pod.spec))) for pod in cluster.list(Pod, secret.metadata.namespace)
    )


def _names(plain: Any) -> Iterator[str]:
    """Of the Secrets that a Pod's spec refers to, wherever it does."""
    if isinstance(plain, list):
        for each in plain:
            yield from _names(each)
    elif isinstance(plain, dict):
        for key, value in plain.items():
            if key == "secretName":
                yield value
            elif key == "imagePullSecrets":
                yield from (each["name"] for each in value if "name" in each)
            elif key in _REFERENCES and isinstance(value, dict) and "name" in value:
                yield value["name"]
            else:
                yield from _names(value)


_REFERENCES = ("secret", "secretRef", "secretKeyRef", "nodePublishSecretRef")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _begin(day: str) -> float | None:
    """Seconds since the epoch; None for what is no date."""
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
