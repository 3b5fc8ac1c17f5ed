"""A backfill of many recordings: its pace, its pauses, and its cost."""

import pytest
from monitoring_service import monitoring

from callmood.ops.cost import FunctionSpec, Workload, backfill_usd, estimate, load_prices
from callmood.services.backfill import pause_at_backlog, waiting_events
from callmood.types import ObjectRef


def test_waiting_events_are_the_newest_value_of_the_subscription():
    with monitoring() as service:
        assert waiting_events(service.client, "acme", "callmood-analyze") is None
        service.waiting = [1200, 800]
        assert waiting_events(service.client, "acme", "callmood-analyze") == 1200
        query = service.queries[-1]
    assert query.name == "projects/acme"
    assert 'resource.labels.subscription_id = "callmood-analyze"' in query.filter
    assert (query.interval.end_time - query.interval.start_time).total_seconds() == 600


def test_backfill_of_a_million_objects_pauses_while_too_many_events_wait():
    """Nothing is listed ahead, so memory does not grow with the number of objects."""
    listed = 0

    def refs():
        nonlocal listed
        for number in range(1, 1_000_001):
            listed = number
            yield ObjectRef("calls", f"{number}.wav", 1)

    backlog, slept = iter([50, 1500, 1200, 900, None]), []
    paced = pause_at_backlog(refs(), lambda: next(backlog), 1000, check_every_s=0, sleep=slept.append)
    taken = [next(paced).name for _ in range(3)]
    assert taken == ["1.wav", "2.wav", "3.wav"]
    assert listed == 3
    assert slept == [0, 0], "1500 and 1200 events are more than 1000; then 900, and an unknown number"


def test_backlog_is_not_read_for_each_recording():
    refs = [ObjectRef("calls", f"{number}.wav", 1) for number in range(100)]
    assert list(pause_at_backlog(refs, lambda: pytest.fail("read"), 1000)) == refs


def test_cost_of_a_backfill_is_that_of_its_analysis():
    """A million calls of six minutes in the format of telephone systems."""
    items = estimate(Workload(hours=100_000), FunctionSpec(), load_prices())
    expected = sum(item.usd for item in items if "audio" not in item.item)
    assert backfill_usd(1_000_000, 1_000_000 * 360 * 16_000) == pytest.approx(expected)
    assert backfill_usd(0, 0) == 0
