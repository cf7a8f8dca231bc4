"""What clients and work queues count, as /metrics tells it."""

import asyncio

import pytest

from kybern.base.errors import Unreachable
from kybern.client.queue import WorkQueue
from kybern.client.queue_counts import QueueCounts
from kybern.client.request_counts import CountedTransport, RequestCounts
from kybern.client.transport import HttpAnswer, HttpRequest, HttpStream, WholeStream
from kybern.metrics.family import render
from tests.unit.hand_clock import HandClock


async def test_a_queue_tells_how_much_there_is_to_do_and_how_long_it_takes() -> None:
    clock = HandClock()
    counts = QueueCounts(clock)
    queue: WorkQueue[str] = WorkQueue(clock, "deployment", counts)
    for key in ("a", "b", "a"):
        queue.add(key)
    clock.time += 2
    assert await queue.take() == "a"
    clock.time += 0.5
    lines = render(counts.families()).decode().splitlines()
    for line in (
        'workqueue_depth{name="deployment"} 1',
        'workqueue_adds_total{name="deployment"} 2',
        'workqueue_queue_duration_seconds_sum{name="deployment"} 2',
        'workqueue_unfinished_work_seconds{name="deployment"} 0.5',
        'workqueue_longest_running_processor_seconds{name="deployment"} 0.5',
    ):
        assert line in lines
    queue.done("a")
    queue.add_failed("a")
    lines = render(counts.families()).decode().splitlines()
    assert 'workqueue_work_duration_seconds_bucket{le="0.1",name="deployment"} 0' in lines
    assert 'workqueue_work_duration_seconds_bucket{le="1",name="deployment"} 1' in lines
    assert 'workqueue_unfinished_work_seconds{name="deployment"} 0' in lines
    assert 'workqueue_retries_total{name="deployment"} 1' in lines


async def test_a_key_that_is_added_again_during_its_work_waits_from_then_on() -> None:
    clock = HandClock()
    counts = QueueCounts(clock)
    queue: WorkQueue[str] = WorkQueue(clock, "job", counts)
    queue.add("a")
    assert await queue.take() == "a"
    queue.add("a")
    clock.time += 4
    queue.done("a")
    assert await queue.take() == "a"
    lines = render(counts.families()).decode().splitlines()
    assert 'workqueue_queue_duration_seconds_sum{name="job"} 4' in lines
    assert 'workqueue_work_duration_seconds_count{name="job"} 1' in lines


class Answers:
    """Answers 200 to a GET, streams, and breaks with anything else."""

    async def request(self, request: HttpRequest) -> HttpAnswer:
        if request.method != "GET":
            raise Unreachable("it broke")
        await asyncio.sleep(0)
        return HttpAnswer(200, {}, b"")

    async def stream(self, request: HttpRequest) -> HttpStream:
        return WholeStream(410, {})

    async def close(self) -> None:
        """Nothing is open."""


async def test_requests_are_counted_by_code_and_method() -> None:
    counts = RequestCounts()
    transport = CountedTransport(Answers(), "h:1", counts)
    await transport.request(HttpRequest("GET", "/a"))
    await transport.request(HttpRequest("GET", "/b"))
    await transport.stream(HttpRequest("GET", "/c"))
    with pytest.raises(Unreachable):
        await transport.request(HttpRequest("POST", "/d"))
    lines = render(counts.families()).decode().splitlines()
    assert 'rest_client_requests_total{code="200",host="h:1",method="GET"} 2' in lines
    assert 'rest_client_requests_total{code="410",host="h:1",method="GET"} 1' in lines
    assert 'rest_client_requests_total{code="<error>",host="h:1",method="POST"} 1' in lines
    assert 'rest_client_request_duration_seconds_count{host="h:1",verb="GET"} 3' in lines
