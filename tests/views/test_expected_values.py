"""All views over the days of `example_days.py` in both warehouses; the expected values were computed by hand."""

from datetime import UTC, date, datetime

import pytest
from call_rows import call, classified, merge
from example_days import CALM, ESCALATES, REANALYZED, annotation, check, release
from warehouse_data import fill

from callmood.warehouse.duckdb import DuckDBWarehouse

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 11, day) for day in (2, 3, 4, 5))


def approximately(**values):
    """Return the values with tolerances for floats."""
    return {name: pytest.approx(v) if isinstance(v, float) else v for name, v in values.items()}


def select(row, expected):
    return {name: row[name] for name in expected}


def test_worked_example_of_the_docs(reports):
    expected = approximately(
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
    assert select(reports.row("calls", call_id="escalates"), expected) == expected


@pytest.mark.parametrize(
    ("call_id", "expected"),
    [
        (
            "recovers",
            approximately(
                negativity=7 / 22,
                negativity_start=0.6,
                negativity_end=0.05,
                negativity_change=-0.55,
                is_negative_call=True,
            )
            | {"escalated": False, "recovered": True, "needs_attention": False, "attention_reason": None},
        ),
        (
            "calm",
            approximately(negativity=0.0, happiness_share=5 / 11)
            | {"is_negative_call": False, "needs_attention": False},
        ),
        (
            "angry_middle",
            approximately(anger_s=12.0, negativity_middle=0.2, is_negative_call=True, recovered=False)
            | {"escalated": False, "attention_reason": "angry for 12 s; from 1:00: 6 dB louder"},
        ),
        # One segment of a second: a peak, but no third with enough speech.
        (
            "brief",
            approximately(peak_start_s=1.0, peak_probability=0.9, first_anger_s=1.0, negativity_q1=0.9)
            | {"negativity_start": None, "negativity_change": None, "negativity_q2": None, "is_negative_call": False}
            | {"longest_silence_s": None, "segment_count": 1},
        ),
        # Without a customer, only talk times.
        (
            "agent_only",
            approximately(agent_talk_ratio=1.0, customer_talk_s=0.0, customer_emotion_s=0.0, anger_s=0.0)
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
            approximately(silence_s=60.0, customer_emotion_s=0.0, negative_s=0.0)
            | {"agent_talk_ratio": None, "longest_silence_s": None, "interruptions_by_agent": 0, "negativity": None}
            | {"needs_attention": None, "segment_count": 0, "warnings": "no_speech"},
        ),
        # With a customer channel, a mixed channel does not represent the customer.
        (
            "conference",
            approximately(customer_emotion_s=4.0, negativity=0.0, mixed_talk_s=8.0) | {"agent_talk_s": None},
        ),
        (
            "interrupts",
            approximately(longest_silence_s=12.0, overlap_s=3.0)
            | {"interruptions_by_customer": 1, "interruptions_by_agent": 0},
        ),
        ("opted_in", approximately(agent_emotion_s=8.0, agent_negative_s=2.4, customer_emotion_s=4.0)),
        ("at_night", {"call_date": TUESDAY, "weekday": 2, "hour": 0}),
        ("twice", approximately(negativity=0.1) | {"model_version": "2"}),
        ("overwritten", approximately(negativity=0.0)),
    ],
)
def test_metrics_of_calls(reports, call_id, expected):
    assert select(reports.row("calls", call_id=call_id), expected) == expected


@pytest.mark.parametrize(
    ("angers", "score", "stretch"),
    [
        ([0.0, 0.5, 0.5, 0.0], 0.5, (10.0, 28.0)),
        # A single segment with certain anger scores as two segments with a probability of 0.5.
        ([0.0, 1.0, 0.0, 0.0], 0.5, (10.0, 18.0)),
        ([0.1, 0.2, 0.1, 0.0], 1 / 7, None),
        # The first and last segments have one neighbor. Of two stretches, the angrier counts.
        ([0.9, 0.9, 0.0, 0.5], 0.9, (0.0, 18.0)),
        ([0.8], 0.8, (0.0, 8.0)),
        ([], None, None),
    ],
)
def test_anger_score_and_angriest_stretch(tmp_path, angers, score, stretch):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    fill(store, call("any", customer=[classified(10 * i, 10 * i + 8, anger=anger) for i, anger in enumerate(angers)]))
    [row] = store.query("SELECT anger_score, anger_start_s, anger_end_s FROM calls")
    start_s, end_s = stretch or (None, None)
    assert row == approximately(anger_score=score) | {"anger_start_s": start_s, "anger_end_s": end_s}


def test_metrics_of_a_mono_call_without_metadata(reports):
    unknown = "queue agent_id labels agent_talk_s customer_talk_s agent_talk_ratio interruptions_by_agent"
    expected = approximately(negativity=0.3, mixed_talk_s=10.0, customer_emotion_s=10.0) | dict.fromkeys(
        unknown.split()
    )
    assert select(reports.row("calls", call_id=None), expected) == expected


@pytest.mark.parametrize("call_id", ["erased", "deleted", "uncommitted", "copy"])
def test_erased_deleted_uncommitted_and_copied_calls_are_in_no_view(reports, call_id):
    uri = f"gs://calls/{call_id}.wav"
    for view in ("recordings_current", "segments_current", "calls", "worst_moments", "failures_current"):
        assert not reports.rows(view, uri=uri)


def test_repeated_event_counts_once(reports):
    [commit] = ESCALATES["recordings"]
    assert len(reports.rows("segments_current", recording_id=commit["recording_id"])) == 11


def test_copy_without_call_id_yields_to_the_call_with_one(reports):
    [commit] = CALM["recordings"]
    assert reports.row("recordings_current", content_sha256=commit["content_sha256"])["call_id"] == "calm"


def test_timeline_covers_the_call_and_splits_segments_between_bins(reports):
    bins = reports.rows("call_timeline", call_id="escalates", role="customer")
    assert [row["bin_start_s"] for row in sorted(bins, key=lambda row: row["bin"])] == [10.0 * n for n in range(12)]
    of = {row["bin"]: row for row in bins}
    assert select(of[8], expected := approximately(talk_s=5.0, talk_share=0.5, p_anger=0.7, negativity=0.8)) == expected
    assert select(of[9], expected := approximately(talk_s=3.0, p_sadness=0.1)) == expected
    assert (
        select(of[3], expected := approximately(talk_s=0.0, talk_share=0.0, p_anger=None, negativity=None)) == expected
    )
    agent = reports.rows("call_timeline", call_id="escalates", role="agent")
    assert len(agent) == 12
    assert not any(row["is_customer"] for row in agent)
    assert {row["role"] for row in reports.rows("call_timeline", call_id=None)} == {"mixed"}


def test_worst_moments_are_ranked_by_negativity_times_seconds(reports):
    moments = sorted(reports.rows("worst_moments", call_date=MONDAY), key=lambda row: row["rank_in_day"])
    assert [row["negative_s"] for row in moments] == pytest.approx([6.4, 4.8, 3.0, 3.0, 3.0, 2.0, 0.9])
    assert [row["rank_in_day"] for row in moments] == [1, 2, 3, 4, 5, 6, 7]
    expected = approximately(
        uri="gs://calls/escalates.wav", start_s=85.0, emotion="anger", probability=0.7, rank_in_call=1
    )
    assert select(moments[0], expected) == expected
    assert moments[0]["started_at"] == datetime(2026, 11, 2, 9, 1, 25, tzinfo=UTC)
    assert moments[5]["rank_in_call"] == 2


def test_interruptions_have_their_party_and_start_time(reports):
    found = {(row["call_id"], row["interrupted_by"], row["start_s"]) for row in reports.rows("interruptions")}
    assert found == {("escalates", "agent", 90.0), ("interrupts", "customer", 5.0)}
    moment = reports.row("interruptions", call_id="escalates")
    assert moment["started_at"] == datetime(2026, 11, 2, 9, 1, 30, tzinfo=UTC)
    assert moment["uri"] == "gs://calls/escalates.wav"


def test_metrics_of_agents_by_day(reports):
    expected = approximately(
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
    assert select(reports.row("agents_daily", agent_id="a1", call_date=MONDAY), expected) == expected
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
def test_rows_about_few_calls_of_one_agent_show_only_their_number(reports, view, key):
    row = reports.row(view, **key)
    visible = {*key, "call_date", "calls", "agents", "is_suppressed", "emotion", "is_present"}
    assert row["is_suppressed"]
    assert 1 <= row["calls"] < 5
    assert {name for name, value in row.items() if value is not None} <= visible


def test_metrics_of_queues_by_day(reports):
    expected = approximately(
        calls=6, agents=1, negativity=28.5 / 118, anger_share=29 / 118, negative_calls=3, attention_calls=2
    )
    assert select(reports.row("queues_daily", queue="billing", call_date=MONDAY), expected) == expected


def test_metrics_of_hours(reports):
    expected = approximately(weekday=1, calls=6, anger_s=29.0, negativity=28.5 / 118, negative_calls=3)
    assert select(reports.row("emotion_hourly", call_date=MONDAY, hour=10), expected) == expected
    assert reports.row("emotion_hourly", call_date=TUESDAY)["hour"] == 0


def test_trends_compare_seven_days_with_the_seven_days_before(reports):
    expected = approximately(
        calls=12,
        negativity=31.5 / 148.8,
        attention_calls=2,
        week_calls=14,
        week_negativity=41.5 / 168.8,
        calls_change=9,
        negativity_change=41.5 / 168.8 - 13 / 50,
        week_anger_share=55 / 168.8,
        week_attention_share=4 / 14,
        attention_share_change=4 / 14,
    )
    assert select(reports.row("trends_daily", call_date=MONDAY), expected) == expected
    first = reports.row("trends_daily", call_date=date(2026, 10, 19))
    assert (first["week_calls"], first["calls_change"], first["negativity_change"]) == (14, None, None)


def test_data_quality_by_day(reports):
    expected = approximately(
        calls=12,
        failures=2,
        failure_share=2 / 14,
        calls_without_speech=1,
        calls_in_dual_mono=0,
        calls_with_warning=1,
        uncertain_share=4 / 168.8,
        calls_without_call_id=1,
        calls_without_agent=1,
        calls_without_queue=1,
        calls_without_customer=11,
        calls_without_start=1,
        median_lag_s=60.0,
        longest_lag_s=600.0,
    )
    assert select(reports.row("data_quality", call_date=MONDAY), expected) == expected
    assert select(reports.row("data_quality", call_date=TUESDAY), expected := {"calls": 1, "failures": 1}) == expected


def test_current_failures_exclude_repeated_resolved_and_replaced_ones(reports):
    found = {row["uri"]: (row["code"], row["failed_date"]) for row in reports.rows("failures_current")}
    assert found == {
        "gs://calls/broken.wav": ("not_audio", MONDAY),
        "gs://calls/at_midnight.wav": ("too_long", TUESDAY),
        "gs://calls/replaced.wav": ("damaged", MONDAY),
    }


def test_model_usage_by_version(reports):
    used = {row["model_version"]: row for row in reports.rows("model_usage", call_date=WEDNESDAY)}
    assert {version: row["calls"] for version, row in used.items()} == {"1": 2, "2": 1}
    assert (
        select(used["2"], expected := approximately(times_real_time=120.0, mean_confidence=0.9, negativity=0.1))
        == expected
    )


def test_model_versions_are_compared_over_all_their_analyses(reports):
    versions = {row["model_version"]: row for row in reports.rows("model_versions", call_date=THURSDAY)}
    assert {version: (row["calls"], row["published_calls"]) for version, row in versions.items()} == {
        "o": (1, 0),
        "p": (1, 1),
        "v": (2, 1),
    }
    expected = approximately(segments=2, customer_emotion_s=10.0, negativity=0.32, anger_share=0.0, uncertain_share=0.4)
    assert select(versions["p"], expected) == expected
    # (6 * 0.9 + 4 * 0.45 + 5 * 0.6) / 15
    expected = approximately(segments=3, customer_emotion_s=15.0, negativity=0.68, anger_share=0.4, sadness_share=1 / 3)
    assert select(versions["v"], expected) == expected


@pytest.mark.parametrize(
    ("releases", "current"),
    [
        ([], "v"),  # without releases, the newest analysis
        ([("v", "staged", 19)], "p"),
        ([("o", "published", 3)], "o"),
        ([("o", "published", 3), ("p", "published", 4)], "p"),
        ([("p", "published", 4), ("v", "staged", 19)], "p"),
        ([("p", "published", 4), ("v", "staged", 19), ("v", "published", 21)], "v"),
        ([("p", "published", 4), ("v", "staged", 19), ("v", "published", 21), ("p", "published", 22)], "p"),
        # Published analyses stay current while the same version analyzes more calls.
        ([("p", "published", 4), ("v", "published", 21), ("v", "staged", 22)], "v"),
        # Published before its analyses exist: they are staged until they are complete.
        ([("p", "published", 4), ("v", "published", 5), ("v", "staged", 19)], "p"),
    ],
)
def test_release_states_select_the_current_analysis(tmp_path, releases, current):
    store = DuckDBWarehouse(tmp_path / "releases.duckdb")
    fill(store, merge(REANALYZED, *(release(*each) for each in releases)))
    rows = store.query("SELECT call_id, model_version FROM recordings_current ORDER BY call_id")
    assert [(row["call_id"], row["model_version"]) for row in rows] == [("new", "v"), ("reanalyzed", current)]


def test_metrics_by_label(reports):
    expected = approximately(
        calls=3, agents=2, is_suppressed=False, negativity=19.6 / 58, anger_s=16.0, recovered_calls=1
    )
    assert select(reports.row("emotion_by_label", label="product", value="tv"), expected) == expected


def test_binary_outcomes_have_wilson_intervals(reports):
    """Two of five: 0.118 to 0.769, as R's prop.test(2, 5, correct = FALSE)."""
    row = reports.row("emotion_by_outcome", outcome="sale", emotion="disgust")
    expected = approximately(is_present=False, calls=5, total=2.0, mean=0.4)
    assert select(row, expected) == expected
    assert (row["low"], row["high"]) == (pytest.approx(0.11762, abs=1e-4), pytest.approx(0.76928, abs=1e-4))


def test_scores_have_normal_intervals(tmp_path):
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
    # Each of 1 to 5 occurs six times: variance 60 / 29, half width 1.96 * sqrt(60 / 29 / 30).
    assert (row["low"], row["high"]) == pytest.approx((3 - 0.51471, 3 + 0.51471), abs=1e-4)


def test_min_calls_per_group_can_be_set(tmp_path):
    path = tmp_path / "few.duckdb"
    fill(DuckDBWarehouse(path), CALM)
    sql = "SELECT is_suppressed, calls, negativity FROM agents_daily"
    assert DuckDBWarehouse(path).query(sql) == [{"is_suppressed": True, "calls": 1, "negativity": None}]
    assert DuckDBWarehouse(path, min_calls_per_group=1).query(sql) == [
        {"is_suppressed": False, "calls": 1, "negativity": 0.0}
    ]


def test_annotation_matches_its_segment_by_milliseconds(tmp_path):
    """A spreadsheet can change the last digit of a time; the later annotation still replaces the earlier one."""
    store = DuckDBWarehouse(tmp_path / "annotations.duckdb")
    corrected = annotation(CALM, 0, "sadness", at="2026-11-06T09:00:00+00:00")
    corrected |= {"start_s": corrected["start_s"] + 1e-9, "end_s": corrected["end_s"] - 1e-9}
    fill(store, merge(CALM, {"annotations": [annotation(CALM, 0, "anger"), corrected]}))
    [row] = store.query("SELECT annotated_emotion FROM annotated_segments")
    assert row["annotated_emotion"] == "sadness"


def test_check_with_a_threshold_of_zero_has_no_ratio(tmp_path):
    store = DuckDBWarehouse(tmp_path / "checks.duckdb")
    fill(store, {"drift_checks": [check("noise_db", "ks", statistic=0.2, threshold=0.0, reference="abc")]})
    assert store.query("SELECT threshold_ratio FROM drift_checks_current") == [{"threshold_ratio": None}]
