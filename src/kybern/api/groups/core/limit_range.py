"""LimitRange."""

from kybern.api.groups.behaviour import Behaviour
from kybern.api.validation.core.quota import validate_limit_range

BEHAVIOUR = {"LimitRange": Behaviour(validate=lambda obj: list(validate_limit_range(obj)), create_on_update=True)}
