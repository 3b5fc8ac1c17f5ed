"""Damaged recordings: one verdict from a path and from bytes, within limits. `./run fuzz` tries more of them."""

from damaged_recordings import RECORDINGS, check
from hypothesis import HealthCheck, given, settings


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(RECORDINGS)
def test_damaged_recording_has_one_verdict_within_the_limits(recording):
    check(*recording)
