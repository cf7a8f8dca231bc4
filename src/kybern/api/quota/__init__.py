"""What a ResourceQuota counts: the usage of one object, the scopes it falls under. Pure, on plain JSON objects.

The API server charges it on admission, the controller sums it up again; both must count alike.
"""

from kybern.api.quota.evaluators import Evaluator, evaluator_of
from kybern.api.quota.scopes import matches_quota, selectors_of

__all__ = ["Evaluator", "evaluator_of", "matches_quota", "selectors_of"]
