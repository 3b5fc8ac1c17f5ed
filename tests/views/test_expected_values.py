"""Every view over the days of `day.py`, each figure worked out by hand there or here; in both warehouses."""

from datetime import UTC, date, datetime

import pytest
from call_rows import call, classified, merge
from example_days import CALM, ESCALATES, REANALYZED, release
from warehouse_data import fill

from callmood.warehouse.duckdb import DuckDBWarehouse

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 11, day) for day in (2, 3, 4, 5))


def about(**values):
    """The same with its numbers compared as floats are."""
    return {name: pytest.approx(v) if isinstance(v, float) else v for name, v in values.items()}


def these(row, expected):
    return {name: row[name] for name in expected}


def test_the_worked_example_of_the_docs(reports):
    expected = about(
        call_date=MONDAY,
        weekday=1,
        hour=10,
        labels="campaign=winter, product=tv",
        agent_talk_s=30.6,
        customer_talk_s=32.0,
        agent_silence_s=89.4,
        customer_silence_s=88.0,
        silence_s=61.0,
        longest_silence_s=19.0,
        overlap_s=3.6,
        interruptions_by_agent=1,
        interruptions_by_customer=0,
        agent_talk_ratio=30.6 / 62.6,
        customer_emotion_s=32.0,
        anger_s=8.0,
        neutral_s=20.0,
        uncertain_s=4.0,
        anger_share=0.25,
        neutral_share=0.625,
        uncertain_share=0.125,
        happiness_share=0.0,
        negative_s=12.6,
        negativity=0.39375,
        negativity_start=0.15,
        negativity_middle=0.3,
        negativity_end=0.7,
        negativity_change=0.55,
        negativity_q1=0.15,
        negativity_q2=0.3,
        negativity_q3=0.8,
        negativity_q4=4.4 / 7,
        peak_start_s=85.0,
        peak_emotion="anger",
        peak_probability=0.7,
        first_anger_s=85.0,
        is_negative_call=True,
        escalated=True,
        recovered=False,
        needs_attention=True,
        attention_reason="more negative at the end (70%) than at the start (15%)",
        agent_emotion_s=0.0,
        segment_count=11,
        warnings=None,
    )
    assert these(reports.row("calls", call_id="escalates"), expected) == expected


@pytest.mark.parametrize(
    ("call_id", "expected"),
    [
        (
            "recovers",
            about(
                negativity=7 / 22,
                negativity_start=0.6,
                negativity_end=0.05,
                negativity_change=-0.55,
                is_negative_call=True,
            )
            | {"escalated": False, "recovered": True, "needs_attention": False, "attention_reason": None},
        ),
        ("calm", about(negativity=0.0, happiness_share=5 / 11) | {"is_negative_call": False, "needs_attention": False}),
        (
            "angry_middle",
            about(anger_s=12.0, negativity_middle=0.2, is_negative_call=True, recovered=False)
            | {"escalated": False, "attention_reason": "angry for 12 s"},
        ),
        # One segment of a second: a peak, but no third that counts.
        (
            "brief",
            about(peak_start_s=1.0, peak_probability=0.9, first_anger_s=1.0, negativity_q1=0.9)
            | {"negativity_start": None, "negativity_change": None, "negativity_q2": None, "is_negative_call": False}
            | {"longest_silence_s": None, "segment_count": 1},
        ),
        # No customer: talk times only.
        (
            "agent_only",
            about(agent_talk_ratio=1.0, customer_talk_s=0.0, customer_emotion_s=0.0, anger_s=0.0)
            | {
                "negativity": None,
                "anger_share": None,
                "peak_start_s": None,
                "is_negative_call": None,
                "escalated": None,
            }
            | {"recovered": None, "needs_attention": None, "attention_reason": None},
        ),
        (
            "no_speech",
            about(silence_s=60.0, customer_emotion_s=0.0, negative_s=0.0)
            | {"agent_talk_ratio": None, "longest_silence_s": None, "interruptions_by_agent": 0, "negativity": None}
            | {"needs_attention": None, "segment_count": 0, "warnings": "no_speech"},
        ),
        # The customer has a channel: a mixed one beside it says nothing of the customer.
        ("conference", about(customer_emotion_s=4.0, negativity=0.0, mixed_talk_s=8.0) | {"agent_talk_s": None}),
        (
            "interrupts",
            about(longest_silence_s=12.0, overlap_s=3.0)
            | {"interruptions_by_customer": 1, "interruptions_by_agent": 0},
        ),
        ("opted_in", about(agent_emotion_s=8.0, agent_negative_s=2.4, customer_emotion_s=4.0)),
        ("at_night", {"call_date": TUESDAY, "weekday": 2, "hour": 0}),
        ("twice", about(negativity=0.1) | {"model_version": "2"}),
        ("overwritten", about(negativity=0.0)),
    ],
)
def test_calls(reports, call_id, expected):
    assert these(reports.row("calls", call_id=call_id), expected) == expected


@pytest.mark.parametrize(
    ("angers", "score", "stretch"),
    [
        ([0.0, 0.5, 0.5, 0.0], 0.5, (10.0, 28.0)),
        # One segment alone, however sure, is believed less than two.
        ([0.0, 1.0, 0.0, 0.0], 0.5, (10.0, 18.0)),
        ([0.1, 0.2, 0.1, 0.0], 1 / 7, None),
        # The first and the last have one neighbor; of two stretches the angrier counts.
        ([0.9, 0.9, 0.0, 0.5], 0.9, (0.0, 18.0)),
        ([0.8], 0.8, (0.0, 8.0)),
        ([], None, None),
    ],
)
def test_the_angriest_stretch(tmp_path, angers, score, stretch):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    fill(store, call("any", customer=[classified(10 * i, 10 * i + 8, anger=anger) for i, anger in enumerate(angers)]))
    [row] = store.query("SELECT anger_score, anger_start_s, anger_end_s FROM calls")
    start_s, end_s = stretch or (None, None)
    assert row == about(anger_score=score) | {"anger_start_s": start_s, "anger_end_s": end_s}


def test_a_call_of_one_channel_without_metadata(reports):
    unknown = "queue agent_id labels agent_talk_s customer_talk_s agent_talk_ratio interruptions_by_agent"
    expected = about(negativity=0.3, mixed_talk_s=10.0, customer_emotion_s=10.0) | dict.fromkeys(unknown.split())
    assert these(reports.row("calls", call_id=None), expected) == expected


@pytest.mark.parametrize("call_id", ["forgotten", "deleted", "uncommitted", "copy"])
def test_what_does_not_count_is_in_no_view(reports, call_id):
    uri = f"gs://calls/{call_id}.wav"
    for view in ("recordings_current", "segments_current", "calls", "worst_moments", "failures_current"):
        assert not reports.rows(view, uri=uri)


def test_an_event_that_came_twice_counts_once(reports):
    [commit] = ESCALATES["recordings"]
    assert len(reports.rows("segments_current", recording_id=commit["recording_id"])) == 11


def test_a_copy_leaves_the_call_that_knows_its_id(reports):
    [commit] = CALM["recordings"]
    assert reports.row("recordings_current", content_sha256=commit["content_sha256"])["call_id"] == "calm"


def test_a_timeline_covers_the_call_and_shares_out_segments(reports):
    bins = reports.rows("call_timeline", call_id="escalates", role="customer")
    assert [row["bin_start_s"] for row in sorted(bins, key=lambda row: row["bin"])] == [10.0 * n for n in range(12)]
    of = {row["bin"]: row for row in bins}
    assert these(of[8], expected := about(talk_s=5.0, talk_share=0.5, p_anger=0.7, negativity=0.8)) == expected
    assert these(of[9], expected := about(talk_s=3.0, p_sadness=0.1)) == expected
    assert these(of[3], expected := about(talk_s=0.0, talk_share=0.0, p_anger=None, negativity=None)) == expected
    agent = reports.rows("call_timeline", call_id="escalates", role="agent")
    assert len(agent) == 12
    assert not any(row["is_customer"] for row in agent)
    assert {row["role"] for row in reports.rows("call_timeline", call_id=None)} == {"mixed"}


def test_worst_moments_are_ranked_by_how_negative_for_how_long(reports):
    moments = sorted(reports.rows("worst_moments", call_date=MONDAY), key=lambda row: row["rank_in_day"])
    assert [row["negative_s"] for row in moments] == pytest.approx([6.4, 4.8, 3.0, 3.0, 3.0, 2.0, 0.9])
    assert [row["rank_in_day"] for row in moments] == [1, 2, 3, 4, 5, 6, 7]
    expected = about(uri="gs://calls/escalates.wav", start_s=85.0, emotion="anger", probability=0.7, rank_in_call=1)
    assert these(moments[0], expected) == expected
    assert moments[0]["started_at"] == datetime(2026, 11, 2, 9, 1, 25, tzinfo=UTC)
    assert moments[5]["rank_in_call"] == 2


def test_interruptions_stand_where_they_happen(reports):
    found = {(row["call_id"], row["interrupted_by"], row["start_s"]) for row in reports.rows("interruptions")}
    assert found == {("escalates", "agent", 90.0), ("interrupts", "customer", 5.0)}
    moment = reports.row("interruptions", call_id="escalates")
    assert moment["started_at"] == datetime(2026, 11, 2, 9, 1, 30, tzinfo=UTC)
    assert moment["uri"] == "gs://calls/escalates.wav"


def test_agents(reports):
    expected = about(
        calls=6,
        is_suppressed=False,
        agent_talk_ratio=74.6 / 192.6,
        interruptions_by_agent=1,
        customer_emotion_s=118.0,
        negativity=28.5 / 118,
        anger_minutes=29 / 60,
        negative_calls=3,
        longest_negative_run=2,
        escalated_calls=1,
        recovered_calls=1,
        recovered_share=1 / 3,
        longest_silence_s=42.0,
        agent_negativity=None,
    )
    assert these(reports.row("agents_daily", agent_id="a1", call_date=MONDAY), expected) == expected
    assert reports.row("agents_daily", agent_id="a2", call_date=MONDAY)["agent_negativity"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("view", "key"),
    [
        ("agents_daily", {"agent_id": "a2", "call_date": WEDNESDAY}),
        ("queues_daily", {"queue": "trend", "call_date": date(2026, 10, 20)}),
        ("emotion_by_label", {"label": "campaign", "value": "winter"}),
        ("emotion_by_outcome", {"outcome": "sale", "emotion": "anger", "is_present": False}),
    ],
)
def test_few_calls_of_one_agent_tell_their_number_only(reports, view, key):
    row = reports.row(view, **key)
    known = {*key, "call_date", "calls", "agents", "is_suppressed", "emotion", "is_present"}
    assert row["is_suppressed"]
    assert 1 <= row["calls"] < 5
    assert {name for name, value in row.items() if value is not None} <= known


def test_queues(reports):
    expected = about(
        calls=6, agents=1, negativity=28.5 / 118, anger_share=29 / 118, negative_calls=3, attention_calls=2
    )
    assert these(reports.row("queues_daily", queue="billing", call_date=MONDAY), expected) == expected


def test_hours(reports):
    expected = about(weekday=1, calls=6, anger_s=29.0, negativity=28.5 / 118, negative_calls=3)
    assert these(reports.row("emotion_hourly", call_date=MONDAY, hour=10), expected) == expected
    assert reports.row("emotion_hourly", call_date=TUESDAY)["hour"] == 0


def test_trends_compare_seven_days_with_the_seven_before(reports):
    expected = about(
        calls=12,
        negativity=31.5 / 148.8,
        attention_calls=2,
        week_calls=14,
        week_negativity=41.5 / 168.8,
        calls_change=10,
        negativity_change=41.5 / 168.8 - 10 / 40,
        week_anger_share=55 / 168.8,
        week_attention_share=4 / 14,
        attention_share_change=4 / 14,
    )
    assert these(reports.row("trends_daily", call_date=MONDAY), expected) == expected
    first = reports.row("trends_daily", call_date=date(2026, 10, 19))
    assert (first["week_calls"], first["calls_change"], first["negativity_change"]) == (9, None, None)


def test_data_quality(reports):
    expected = about(
        calls=12,
        failures=2,
        failure_share=2 / 14,
        calls_without_speech=1,
        calls_in_dual_mono=0,
        calls_with_warning=1,
        uncertain_share=4 / 164.8,
        calls_without_call_id=1,
        calls_without_agent=1,
        calls_without_queue=1,
        calls_without_customer=11,
        calls_without_start=1,
        median_lag_s=60.0,
        longest_lag_s=600.0,
    )
    assert these(reports.row("data_quality", call_date=MONDAY), expected) == expected
    assert these(reports.row("data_quality", call_date=TUESDAY), expected := {"calls": 1, "failures": 1}) == expected


def test_failures_that_still_stand(reports):
    found = {row["uri"]: (row["code"], row["failed_date"]) for row in reports.rows("failures_current")}
    assert found == {
        "gs://calls/broken.wav": ("not_audio", MONDAY),
        "gs://calls/at_midnight.wav": ("too_long", TUESDAY),
        "gs://calls/replaced.wav": ("damaged", MONDAY),
    }


def test_model_usage(reports):
    used = {row["model_version"]: row for row in reports.rows("model_usage", call_date=WEDNESDAY)}
    assert {version: row["calls"] for version, row in used.items()} == {"1": 2, "2": 1}
    assert these(used["2"], expected := about(times_real_time=120.0, mean_confidence=0.9, negativity=0.1)) == expected


def test_model_versions_are_compared_over_all_that_they_analyzed(reports):
    versions = {row["model_version"]: row for row in reports.rows("model_versions", call_date=THURSDAY)}
    assert {version: (row["calls"], row["published_calls"]) for version, row in versions.items()} == {
        "o": (1, 0),
        "p": (1, 1),
        "v": (2, 1),
    }
    expected = about(segments=2, customer_emotion_s=10.0, negativity=0.32, anger_share=0.0, uncertain_share=0.4)
    assert these(versions["p"], expected) == expected
    # (6 * 0.9 + 4 * 0.45 + 5 * 0.6) / 15
    expected = about(segments=3, customer_emotion_s=15.0, negativity=0.68, anger_share=0.4, sadness_share=1 / 3)
    assert these(versions["v"], expected) == expected


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ([], "v"),  # nothing is said: the newest
        ([("v", "staged", 19)], "p"),
        ([("o", "published", 3)], "o"),
        ([("o", "published", 3), ("p", "published", 4)], "p"),
        ([("p", "published", 4), ("v", "staged", 19)], "p"),
        ([("p", "published", 4), ("v", "staged", 19), ("v", "published", 21)], "v"),
        ([("p", "published", 4), ("v", "staged", 19), ("v", "published", 21), ("p", "published", 22)], "p"),
        # What was shown once stays so while the same version scores more calls again.
        ([("p", "published", 4), ("v", "published", 21), ("v", "staged", 22)], "v"),
        # Promoted before its scores are there: they are held back until they are complete.
        ([("p", "published", 4), ("v", "published", 5), ("v", "staged", 19)], "p"),
    ],
)
def test_what_is_shown_of_a_call_that_was_scored_again(tmp_path, stated, shown):
    store = DuckDBWarehouse(tmp_path / "releases.duckdb")
    fill(store, merge(REANALYZED, *(release(*each) for each in stated)))
    rows = store.query("SELECT call_id, model_version FROM recordings_current ORDER BY call_id")
    assert [(row["call_id"], row["model_version"]) for row in rows] == [("new", "v"), ("rescored", shown)]


def test_labels(reports):
    expected = about(calls=3, agents=2, is_suppressed=False, negativity=19.6 / 58, anger_s=16.0, recovered_calls=1)
    assert these(reports.row("emotion_by_label", label="product", value="tv"), expected) == expected


def test_outcomes_of_yes_and_no_have_wilsons_interval(reports):
    """Two of five: 0.118 to 0.769, as R's prop.test(2, 5, correct = FALSE) has it."""
    row = reports.row("emotion_by_outcome", outcome="sale", emotion="disgust")
    expected = about(is_present=False, calls=5, total=2.0, mean=0.4)
    assert these(row, expected) == expected
    assert (row["low"], row["high"]) == (pytest.approx(0.11762, abs=1e-4), pytest.approx(0.76928, abs=1e-4))


def test_scores_have_the_normal_interval(tmp_path):
    scores = [float(n % 5 + 1) for n in range(30)]
    store = DuckDBWarehouse(tmp_path / "scores.duckdb")
    fill(
        store,
        merge(
            *(call(f"c{n}", agent_id=f"a{n % 3}", customer=[classified(0, 6)], agent=[]) for n in range(30)),
            {
                "outcomes": [
                    {"call_id": f"c{n}", "outcome": "csat", "value": score, "known_at": "2026-11-03T00:00:00+00:00"}
                    for n, score in enumerate(scores)
                ]
            },
        ),
    )
    [row] = store.query("SELECT * FROM emotion_by_outcome WHERE emotion = 'neutral'")
    # Each of 1 to 5 six times: variance 60 / 29, half width 1.96 * sqrt(60 / 29 / 30).
    assert (row["low"], row["high"]) == pytest.approx((3 - 0.51471, 3 + 0.51471), abs=1e-4)


def test_the_number_of_calls_from_which_agents_are_shown_can_be_set(tmp_path):
    path = tmp_path / "few.duckdb"
    fill(DuckDBWarehouse(path), CALM)
    asked = "SELECT is_suppressed, calls, negativity FROM agents_daily"
    assert DuckDBWarehouse(path).query(asked) == [{"is_suppressed": True, "calls": 1, "negativity": None}]
    assert DuckDBWarehouse(path, min_calls_per_group=1).query(asked) == [
        {"is_suppressed": False, "calls": 1, "negativity": 0.0}
    ]
