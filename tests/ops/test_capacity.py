"""The simulation of many uploads: right where it can be reckoned by hand, and sane where it cannot."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.ops.capacity import Capacity, Recording, burst, simulate, steady

MINUTE = 60.0


def at_once(number):
    """Recordings of one minute, all at once: 1.6 s each at 100 times real time with 1 s beside."""
    return [Recording(0.0, MINUTE)] * number


def test_one_recording_waits_for_a_cold_start_and_its_analysis():
    outcome = simulate(at_once(1), Capacity(cold_start_s=8))
    assert outcome.lags_s == (pytest.approx(8 + 1.6),)
    assert simulate(at_once(1), Capacity(min_instances=1)).lags_s == (pytest.approx(1.6),)


def test_one_slot_works_through_a_queue():
    """The tenth of ten waits for the nine before it."""
    outcome = simulate(at_once(10), Capacity(max_instances=1, min_instances=1, patience_s=1e9))
    assert outcome.lags_s == tuple(pytest.approx(1.6 * (n + 1)) for n in range(10))
    assert outcome.busy_s == pytest.approx(16)


def test_slots_share_the_work():
    two = simulate(at_once(10), Capacity(max_instances=2, min_instances=2, patience_s=1e9))
    both = simulate(at_once(10), Capacity(max_instances=1, min_instances=1, concurrency=2, patience_s=1e9))
    assert two.lags_s[-1] == both.lags_s[-1] == pytest.approx(8)
    assert (two.busy_s, both.busy_s) == (pytest.approx(16), pytest.approx(8))


def test_what_nothing_can_take_is_refused_tried_again_and_given_up():
    stuck = Capacity(max_instances=1, cold_start_s=1e6, patience_s=10)
    outcome = simulate(at_once(3), stuck)
    assert (outcome.given_up, outcome.attempts, outcome.lags_s) == (3, 15, ())


def test_a_steady_load_has_the_lag_of_theory():
    """One slot, exponential service of mean 2 s, half busy: by M/M/1 the mean lag is 4 s."""
    capacity = Capacity(max_instances=1, min_instances=1, times_real_time=100, overhead_s=0, patience_s=1e9)
    outcome = simulate(steady(per_hour=900, hours=60, duration_s=200, seed=1), capacity)
    assert sum(outcome.lags_s) / len(outcome.lags_s) == pytest.approx(4, rel=0.1)


@settings(max_examples=60, deadline=None)
@given(
    recordings=st.lists(st.builds(Recording, st.floats(0, 500), st.floats(1, 3600)), max_size=40),
    capacity=st.builds(
        Capacity,
        max_instances=st.integers(1, 5),
        concurrency=st.integers(1, 3),
        cold_start_s=st.floats(0, 60),
        patience_s=st.floats(1, 60),
        max_delivery_attempts=st.integers(1, 6),
    ),
)
def test_no_recording_is_lost_and_none_is_faster_than_its_analysis(recordings, capacity):
    outcome = simulate(recordings, capacity)
    assert len(outcome.lags_s) + outcome.given_up == len(recordings)
    assert outcome.peak_instances <= capacity.max_instances
    if outcome.lags_s:
        assert outcome.lags_s[0] >= min(map(capacity.service_s, recordings)) - 1e-6
    assert simulate(recordings, capacity) == outcome


def test_more_instances_shorten_the_wait():
    lags = [simulate(burst(500, 360), Capacity(max_instances=n)).lag_s(0.95) for n in (10, 20, 40, 80)]
    assert lags == sorted(lags, reverse=True)


def test_the_command_tells_what_to_expect():
    shown = CliRunner().invoke(app, ["capacity", "--burst", "100", "--json"])
    row = json.loads(shown.stdout)
    assert (row["recordings"], row["given_up"]) == (100, 0)
    assert 0 < row["half_within_s"] < row["all_within_s"]
    assert CliRunner().invoke(app, ["capacity"]).exit_code == 2


def test_the_docs_show_what_is_simulated():
    text = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    loads = {
        "10 callers at all times: 100 calls an hour": [*steady(100, 8, 360)],
        "1,000 callers: 10,000 calls an hour": [*steady(10_000, 1, 360)],
        "a recorder hands over 100 recordings at once": [*burst(100, 360)],
        "1,000 at once": [*burst(1000, 360)],
        "10,000 at once": [*burst(10_000, 360)],
    }
    rows = re.findall(r"^\| (.+?) \| (\d+) \| ([\d,]+ s) \| ([\d,]+ s) \| ([\d,]+ s) \| (\d+) \|$", text, re.M)
    assert len(rows) == 7
    for load, instances, *shown in rows:
        outcome = simulate(loads[load], Capacity(max_instances=int(instances)))
        lags = [f"{outcome.lag_s(share):,.0f} s" for share in (0.5, 0.95, 1.0)]
        assert shown == [*lags, str(outcome.given_up)], (load, instances)
