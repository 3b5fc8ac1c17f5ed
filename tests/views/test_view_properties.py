"""Properties of the views for random calls."""

import pytest
from call_rows import EMOTIONS, call, classified, merge, unclassified
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warehouse_data import fill

from callmood.warehouse.duckdb import InMemoryWarehouse

# A segment: the pause before it, its duration, the weights of emotions, and whether its emotion is certain.
SEGMENT = st.tuples(
    st.floats(0.1, 20).map(lambda s: round(s, 3)),
    st.floats(0.6, 8).map(lambda s: round(s, 3)),
    st.lists(st.floats(0.01, 1), min_size=6, max_size=6),
    st.booleans(),
)
CHANNEL = st.lists(SEGMENT, max_size=12)
ROLES = st.sampled_from([("agent", "customer"), ("mixed",), ("customer",), ("agent", "customer", "mixed"), ("agent",)])


def segments(channel, role):
    at, rows = 0.0, []
    for pause, length, weights, certain in channel:
        start = round(at + pause, 3)
        at = round(start + length, 3)
        if role == "agent":
            rows.append(unclassified(start, at))
        else:
            probabilities = {e: w / sum(weights) for e, w in zip(EMOTIONS, weights, strict=True)}
            rows.append(classified(start, at, None if certain else "uncertain", **probabilities))
    return rows


@st.composite
def calls(draw):
    rows = []
    for number in range(draw(st.integers(1, 4))):
        roles = draw(ROLES)
        speech = {role: segments(draw(CHANNEL), role) for role in roles}
        end = max((s["end_s"] for channel in speech.values() for s in channel), default=0.0)
        duration = round(end + draw(st.floats(0.001, 15)), 3)
        rows.append(call(f"c{number}", duration_s=duration, **speech))
    return rows


@pytest.fixture(scope="module")
def store():
    return InMemoryWarehouse()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(analyzed=calls())
def test_shares_quarters_and_bins_add_up(store, analyzed):
    with store.exclusive():
        fill(store, merge(*analyzed))
        rows = store.query("SELECT * FROM calls")
        bins = store.query("SELECT * FROM call_timeline")
    assert len(rows) == len(analyzed)
    for row in rows:
        check_call(row)
        for role in ("agent", "customer", "mixed"):
            check_timeline(row, role, [b for b in bins if (b["call_id"], b["role"]) == (row["call_id"], role)])


def check_call(row):
    emotion_s = row["customer_emotion_s"]
    shares = [row[f"{emotion}_share"] for emotion in (*EMOTIONS, "uncertain")]
    assert sum(row[f"{emotion}_s"] for emotion in (*EMOTIONS, "uncertain")) == pytest.approx(emotion_s)
    if emotion_s == 0:
        assert shares == [None] * 7
        assert row["needs_attention"] is None
        return
    assert sum(shares) == pytest.approx(1)
    assert 0 <= row["negativity"] <= 1
    assert row["negativity"] == pytest.approx(row["negative_s"] / emotion_s)
    quarters = [row[f"negativity_q{n}"] for n in (1, 2, 3, 4)]
    known = [value for value in quarters if value is not None]
    assert min(known) - 1e-9 <= row["negativity"] <= max(known) + 1e-9
    assert not (row["escalated"] and row["recovered"])
    assert row["needs_attention"] == (row["is_negative_call"] and not row["recovered"])
    assert (row["attention_reason"] is not None) == row["needs_attention"]
    assert 0 <= row["peak_start_s"] < row["duration_s"]
    assert row["silence_s"] + 1e-6 >= (row["longest_silence_s"] or 0)


def check_timeline(row, role, bins):
    bins.sort(key=lambda b: b["bin"])
    if row[f"{role}_talk_s"] is None:
        assert not bins
        return
    edges = [0.0, *(b["bin_end_s"] for b in bins)]
    assert [b["bin_start_s"] for b in bins] == edges[:-1]
    assert edges[-1] == row["duration_s"]
    assert sum(b["talk_s"] for b in bins) == pytest.approx(row[f"{role}_talk_s"], abs=1e-6)
    for b in bins:
        assert 0 <= b["talk_share"] <= 1 + 1e-9
        if b["negativity"] is not None:
            assert sum(b[f"p_{emotion}"] for emotion in EMOTIONS) == pytest.approx(1)
