"""The ControllerRevisions of a DaemonSet: its templates by number, for rollbacks. Pure (pkg/controller/daemon/update).

The data is a strategic merge patch that puts the template back: `kubectl rollout undo` sends it as it is.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from msgspec.structs import replace

from kybern.api.types import to_dict
from kybern.api.types.apps_v1 import ControllerRevision, DaemonSet
from kybern.api.types.core_v1 import Pod
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.objects import controller_reference
from kybern.client.plan import Create, Delete, Plan, Update
from kybern.controllers.daemonset_nodes import REVISION_HASH
from kybern.controllers.deployment_revisions import template_hash

HISTORY_LIMIT = 10
"""Old revisions that are kept where spec.revisionHistoryLimit does not say (the API's default)."""


def template_patch(daemon_set: DaemonSet) -> dict[str, Any]:
    patch = {"spec": {"template": {**to_dict(daemon_set.spec.template), "$patch": "replace"}}}
    ordered: dict[str, Any] = orjson.loads(orjson.dumps(patch, option=orjson.OPT_SORT_KEYS))
    return ordered


def current_of(daemon_set: DaemonSet, revisions: Iterable[ControllerRevision]) -> ControllerRevision | None:
    """The revision that holds the template as it is now; of several the newest."""
    wanted = template_patch(daemon_set)
    same = [each for each in revisions if each.data == wanted]
    return max(same, key=lambda each: each.revision, default=None)


def add_current(plan: Plan, daemon_set: DaemonSet, revisions: Sequence[ControllerRevision]) -> None:
    """Create the revision of the template as it is now."""
    digest = template_hash(daemon_set.spec.template, daemon_set.status.collision_count)
    meta = daemon_set.metadata
    new = ControllerRevision(
        metadata=ObjectMeta(
            name=f"{meta.name}-{digest}",
            namespace=meta.namespace,
            labels={**daemon_set.spec.template.metadata.labels, REVISION_HASH: digest},
            annotations=dict(meta.annotations),
            owner_references=[controller_reference(daemon_set)],
        ),
        data=template_patch(daemon_set),
        revision=_newest(revisions) + 1,
    )
    plan.creates.append(Create(new))


def tidy(
    plan: Plan,
    daemon_set: DaemonSet,
    current: ControllerRevision,
    revisions: Sequence[ControllerRevision],
    pods: Iterable[Pod],
) -> None:
    """Make the current revision the newest one; forget the oldest that no Pod comes from."""
    old = [each for each in revisions if each.data != current.data]
    number = _newest(old) + 1
    if current.revision < number:
        plan.updates.append(Update(replace(current, revision=number)))
    limit = daemon_set.spec.revision_history_limit
    excess = len(old) - (HISTORY_LIMIT if limit is None else limit)
    live = {pod.metadata.labels.get(REVISION_HASH) for pod in pods}
    unused = [each for each in old if each.metadata.labels.get(REVISION_HASH) not in live]
    if excess > 0:
        oldest = sorted(unused, key=lambda each: each.revision)[:excess]
        plan.deletes += [Delete(each) for each in oldest]


def _newest(revisions: Iterable[ControllerRevision]) -> int:
    return max((each.revision for each in revisions), default=0)
