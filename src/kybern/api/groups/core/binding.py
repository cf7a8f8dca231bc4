"""Binding: the scheduler's word on where a Pod runs; answered, never stored."""

from kybern.api.groups.behaviour import Behaviour

BEHAVIOUR: dict[str, Behaviour] = {}
