"""SelfSubjectReview."""

from kybern.api.groups.behaviour import Behaviour

BEHAVIOUR: dict[str, Behaviour] = {}
