"""Tests of properties: no example fails because the machine is busy."""

from hypothesis import HealthCheck, settings

from tests.effort import examples

settings.register_profile(
    "unit", max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unit")
