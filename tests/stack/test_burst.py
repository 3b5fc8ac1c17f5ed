"""Compare the capacity simulation with a real burst into a function that analyzes one recording at a time."""

import statistics
from datetime import datetime
from itertools import pairwise

import pytest
from recordings import clip
from stack.services import function

from callmood.ops.capacity import Capacity, Upload, simulate

BURST = 8


def latency_s(row):
    uploaded, analyzed = (
        when if isinstance(when, datetime) else datetime.fromisoformat(when)
        for when in (row["uploaded_at"], row["analyzed_at"])
    )
    return (analyzed - uploaded).total_seconds()


def test_burst_waits_as_long_as_simulated(stack, tmp_path):
    columns = "SELECT uploaded_at, analyzed_at FROM recordings_current WHERE recording_id = @id"
    with function("analyze", tmp_path, THREADS="1", **stack.environment) as url, stack.pushing_to(url):
        first = stack.upload("burst/first.wav", clip())
        stack.until(columns, first)  # loads the model
        calls = [stack.upload(f"burst/{number}.wav", clip()) for number in range(BURST)]
        rows = [stack.until(columns, call, within_s=120)[0] for call in calls]
    analyzed = sorted(datetime.fromisoformat(str(row["analyzed_at"])) for row in rows)
    # Time per recording on this machine, which runs other work too.
    each_s = statistics.mean((after - before).total_seconds() for before, after in pairwise(analyzed))
    real = sorted(map(latency_s, rows))

    one_at_a_time = Capacity(max_instances=1, min_instances=1, times_real_time=1, overhead_s=0, queue_timeout_s=600)
    simulated = simulate([Upload(0.0, each_s)] * BURST, one_at_a_time).latencies_s
    assert real[-1] == pytest.approx(simulated[-1], rel=0.35, abs=1)
    assert statistics.median(real) == pytest.approx(statistics.median(simulated), rel=0.35, abs=1)
