"""Tests of properties: no example fails because the machine is busy. And garbage: none is looked for in vain."""

import gc

from hypothesis import HealthCheck, settings

from tests.effort import examples

settings.register_profile(
    "unit", max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unit")

gc.disable()  # All that collecting tests makes is kept: looking through it nine times takes a second.


def pytest_collection_finish() -> None:
    """What there is now stays to the end."""
    gc.freeze()
    gc.enable()
