"""The capacity simulation: exact results for simple loads, and invariants for any load."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.ops.capacity import Capacity, Upload, burst_uploads, simulate, steady_uploads

MINUTE = 60.0


def at_once(number):
    """Uploads of one minute at the same time: 1.6 s each at 100 times real time with 1 s overhead."""
    return [Upload(0.0, MINUTE)] * number


def test_one_upload_waits_for_cold_start_and_analysis():
    result = simulate(at_once(1), Capacity(cold_start_s=8))
    assert result.latencies_s == (pytest.approx(8 + 1.6),)
    assert simulate(at_once(1), Capacity(min_instances=1)).latencies_s == (pytest.approx(1.6),)


def test_one_slot_processes_a_queue_in_order():
    """The tenth upload waits for the nine before it."""
    result = simulate(at_once(10), Capacity(max_instances=1, min_instances=1, queue_timeout_s=1e9))
    assert result.latencies_s == tuple(pytest.approx(1.6 * (n + 1)) for n in range(10))
    assert result.busy_s == pytest.approx(16)


def test_slots_share_the_work():
    two = simulate(at_once(10), Capacity(max_instances=2, min_instances=2, queue_timeout_s=1e9))
    both = simulate(at_once(10), Capacity(max_instances=1, min_instances=1, concurrency=2, queue_timeout_s=1e9))
    assert two.latencies_s[-1] == both.latencies_s[-1] == pytest.approx(8)
    assert (two.busy_s, both.busy_s) == (pytest.approx(16), pytest.approx(8))


def test_upload_without_capacity_is_rejected_retried_and_dead_lettered():
    stuck = Capacity(max_instances=1, cold_start_s=1e6, queue_timeout_s=10, max_delivery_attempts=5)
    result = simulate(at_once(3), stuck)
    assert (result.dead_lettered, result.attempts, result.latencies_s) == (3, 15, ())


def test_steady_load_has_the_latency_of_queueing_theory():
    """M/M/1: one slot, exponential service time of mean 2 s, utilization one half, so the mean latency is 4 s."""
    capacity = Capacity(max_instances=1, min_instances=1, times_real_time=100, overhead_s=0, queue_timeout_s=1e9)
    result = simulate(steady_uploads(per_hour=900, hours=60, duration_s=200, seed=1), capacity)
    assert sum(result.latencies_s) / len(result.latencies_s) == pytest.approx(4, rel=0.1)


@settings(max_examples=60, deadline=None)
@given(
    uploads=st.lists(st.builds(Upload, st.floats(0, 500), st.floats(1, 3600)), max_size=40),
    capacity=st.builds(
        Capacity,
        max_instances=st.integers(1, 5),
        concurrency=st.integers(1, 3),
        cold_start_s=st.floats(0, 60),
        queue_timeout_s=st.floats(1, 60),
        max_delivery_attempts=st.integers(1, 6),
    ),
)
def test_no_upload_is_lost_and_none_is_faster_than_its_analysis(uploads, capacity):
    result = simulate(uploads, capacity)
    assert len(result.latencies_s) + result.dead_lettered == len(uploads)
    assert result.peak_instances <= capacity.max_instances
    if result.latencies_s:
        assert result.latencies_s[0] >= min(map(capacity.service_s, uploads)) - 1e-6
    assert simulate(uploads, capacity) == result


def test_more_instances_reduce_latency():
    latencies = [simulate(burst_uploads(500, 360), Capacity(max_instances=n)).latency_s(0.95) for n in (10, 20, 40, 80)]
    assert latencies == sorted(latencies, reverse=True)


def test_command_prints_the_result():
    shown = CliRunner().invoke(app, ["capacity", "--burst", "100", "--json"])
    row = json.loads(shown.stdout)
    assert (row["recordings"], row["dead_lettered"]) == (100, 0)
    assert 0 < row["median_latency_s"] < row["max_latency_s"]
    assert CliRunner().invoke(app, ["capacity"]).exit_code == 2


def test_docs_show_the_simulated_values():
    text = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    loads = {
        "10 concurrent callers: 100 calls per hour": [*steady_uploads(100, 8, 360)],
        "1,000 concurrent callers: 10,000 calls per hour": [*steady_uploads(10_000, 1, 360)],
        "burst of 100 recordings": [*burst_uploads(100, 360)],
        "burst of 1,000": [*burst_uploads(1000, 360)],
        "burst of 10,000": [*burst_uploads(10_000, 360)],
    }
    rows = re.findall(r"^\| (.+?) \| (\d+) \| ([\d,]+ s) \| ([\d,]+ s) \| ([\d,]+ s) \| (\d+) \|$", text, re.M)
    assert len(rows) == 7
    for load, instances, *shown in rows:
        result = simulate(loads[load], Capacity(max_instances=int(instances)))
        latencies = [f"{result.latency_s(quantile):,.0f} s" for quantile in (0.5, 0.95, 1.0)]
        assert shown == [*latencies, str(result.dead_lettered)], (load, instances)
