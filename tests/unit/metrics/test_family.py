"""The text format."""

from kybern.metrics.family import COUNTER, HISTOGRAM, Family, render
from kybern.metrics.process import families


def test_a_counter_and_a_histogram() -> None:
    counter = Family("requests_total", COUNTER, "Requests.")
    counter.add(3, verb="GET", code="200")
    counter.add(0.5)
    histogram = Family("seconds", HISTOGRAM, "How long.")
    histogram.add_histogram((0.1, 1), (1, 0, 2), 4.25, {"verb": "GET"})
    assert render([counter, histogram]).decode().splitlines() == [
        "# HELP requests_total Requests.",
        "# TYPE requests_total counter",
        'requests_total{code="200",verb="GET"} 3',
        "requests_total 0.5",
        "# HELP seconds How long.",
        "# TYPE seconds histogram",
        'seconds_bucket{le="0.1",verb="GET"} 1',
        'seconds_bucket{le="1",verb="GET"} 1',
        'seconds_bucket{le="+Inf",verb="GET"} 3',
        'seconds_sum{verb="GET"} 4.25',
        'seconds_count{verb="GET"} 3',
    ]


def test_labels_are_escaped() -> None:
    family = Family("m", COUNTER, "M.")
    family.add(1, name='a"b\\c\nd')
    assert b'm{name="a\\"b\\\\c\\nd"} 1\n' in render([family])


def test_the_process_tells_of_itself() -> None:
    told = {family.name: family.samples[0][2] for family in families()}
    assert told["process_resident_memory_bytes"] > 1 << 20
    assert told["process_open_fds"] >= 1
    assert told["process_start_time_seconds"] > 1_500_000_000
