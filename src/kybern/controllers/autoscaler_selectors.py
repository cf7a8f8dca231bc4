"""Which autoscalers count the same Pods: two that do would pull the target to and fro (upstream's hpaSelectors).

An autoscaler's selector is known once its target's scale was read; before that it stands in nobody's way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kybern.api.selectors import LabelSelector
from kybern.api.types.core_v1 import Pod
from kybern.client.objects import Key


@dataclass(slots=True)
class Selectors:
    known: dict[Key, LabelSelector] = field(default_factory=dict)
    """By autoscaler."""

    def selecting(self, namespace: str, pods: Sequence[Pod]) -> list[Key]:
        """The autoscalers whose targets have any of these Pods, in order."""
        return sorted(
            key
            for key, selector in self.known.items()
            if key.namespace == namespace and any(selector.matches(pod.metadata.labels) for pod in pods)
        )
