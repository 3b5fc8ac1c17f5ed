"""Payloads: the sparkline, and the round trip from rows through payload.py and payload.js back to values."""

from datetime import UTC, date, datetime
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callmood.report.audio import AudioSource
from callmood.report.payload import LABELS, SPARKLINE_BINS, call_payload, calls_payload, display_name, sparkline
from callmood.report.queries import CallDetail
from callmood.report.templates import render_script
from callmood.types import EMOTIONS

seconds = st.floats(0, 10_000)
ratios = st.floats(0, 1)
flags = st.none() | st.booleans()
texts = st.text(max_size=20)


def optional(strategy):
    return st.none() | strategy


sparkline_segments = st.lists(
    st.builds(
        lambda start, length, emotion, customer: {
            "start_s": start, "end_s": min(start + length, 60.0), "emotion": emotion, "is_customer": customer,
        },
        st.floats(0, 59), st.floats(0.6, 8), st.sampled_from([*LABELS, None]), st.booleans(),
    )
)  # fmt: skip


@given(sparkline_segments)
def test_sparkline_shows_only_labels_of_customer_speech(segments):
    cells = sparkline(segments, 60.0)
    assert len(cells) == SPARKLINE_BINS
    for index, cell in enumerate(cells):
        present = {
            s["emotion"] for s in segments
            if s["is_customer"] and s["emotion"] and s["start_s"] < (index + 1) * 1.5 and s["end_s"] > index * 1.5
        }  # fmt: skip
        assert cell == "." or LABELS[int(cell)] in present


calls = st.fixed_dictionaries(
    {
        "recording_id": st.uuids().map(lambda uuid: uuid.hex),
        "call_id": optional(texts),
        "uri": st.just("gs://calls/2026/a.wav"),
        "call_date": st.dates(date(2000, 1, 1)),
        "started_at": st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)),
        "weekday": st.integers(1, 7),
        "hour": st.integers(0, 23),
        "queue": optional(texts),
        "agent_id": optional(texts),
        "duration_s": seconds,
        "customer_emotion_s": optional(seconds),
        **{f"{label}_s": optional(seconds) for label in LABELS},
        "negative_s": optional(seconds),
        "negativity": optional(ratios),
        "peak_start_s": optional(seconds),
        "peak_emotion": optional(st.sampled_from(EMOTIONS)),
        "peak_probability": optional(ratios),
        **dict.fromkeys(("is_negative_call", "escalated", "recovered", "needs_attention"), flags),
        "attention_reason": optional(texts),
    }
)

segments = st.fixed_dictionaries(
    {
        "role": st.sampled_from(("agent", "customer", "mixed")),
        "start_s": seconds,
        "end_s": seconds,
        "emotion": optional(st.sampled_from(LABELS)),
        "level_dbfs": st.floats(-90, 0).map(lambda level: round(level, 1)),
        **{f"p_{emotion}": ratios for emotion in EMOTIONS[1:]},
        "p_anger": optional(ratios),
        "interrupts": st.booleans(),
    }
)
worst_moments = st.fixed_dictionaries(
    {"start_s": seconds, "end_s": seconds, "emotion": st.sampled_from(EMOTIONS), "probability": ratios}
)
details = st.builds(
    lambda call, segments, timeline, moments: CallDetail(
        dict.fromkeys(UNENCODED_COLUMNS.values()) | {f"negativity_q{i}": None for i in (1, 2, 3, 4)} | call,
        segments,
        timeline,
        moments,
    ),
    calls,
    st.lists(segments, max_size=5),
    st.lists(optional(ratios), max_size=5),
    st.lists(worst_moments, max_size=3),
)
UNENCODED_COLUMNS = {
    "queue": "queue",
    "agent": "agent_id",
    "customer": "customer_id",
    "direction": "direction",
    "language": "language",
    "labels": "labels",
    "duration": "duration_s",
    "agentTalk": "agent_talk_s",
    "customerTalk": "customer_talk_s",
    "mixedTalk": "mixed_talk_s",
    "silence": "silence_s",
    "longestSilence": "longest_silence_s",
    "overlap": "overlap_s",
    "interruptionsByAgent": "interruptions_by_agent",
    "interruptionsByCustomer": "interruptions_by_customer",
    "firstAnger": "first_anger_s",
    "negativityChange": "negativity_change",
    "escalated": "escalated",
    "recovered": "recovered",
    "needsAttention": "needs_attention",
    "attentionReason": "attention_reason",
    "warnings": "warnings",
    "modelVersion": "model_version",
}


@pytest.fixture(scope="module")
def decode(chromium):
    """Run a rendered script in a page that has the decoder, and return the value of an expression."""
    static = files("callmood.report") / "static"
    page = chromium.new_page()
    page.add_script_tag(content="".join((static / name).read_text("utf-8") for name in ("base.js", "payload.js")))
    page.evaluate("() => { callmood.showCall = (payload) => (callmood.call = callmood.decodeCall(payload)); }")
    yield lambda script, expression: page.evaluate(f"() => {{ {script} return {expression}; }}")
    page.close()


def rounded(value, digits):
    return None if value is None else pytest.approx(value, abs=0.5001 * 10**-digits)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(calls, max_size=4))
def test_calls_survive_the_round_trip(decode, rows):
    sparklines = {row["recording_id"]: "0.6" for row in rows[1:]}
    script = render_script("callmood.loadCalls", {"minCallsPerGroup": 5, **calls_payload(rows, sparklines, UTC)})
    assert decode(script, "callmood.calls") == [
        {
            "id": row["recording_id"],
            "rank": rank,
            "name": display_name(row),
            "day": row["call_date"].isoformat(),
            "time": row["started_at"].strftime("%H:%M"),
            "weekday": row["weekday"],
            "hour": row["hour"],
            "queue": row["queue"],
            "agent": row["agent_id"],
            "duration": rounded(row["duration_s"], 2),
            "emotionDuration": rounded(row["customer_emotion_s"] or 0, 2),
            "labelDurations": [rounded(row[f"{label}_s"] or 0, 2) for label in LABELS],
            "negativeDuration": rounded(row["negative_s"] or 0, 2),
            "negativity": rounded(row["negativity"], 3),
            "peakStart": rounded(row["peak_start_s"], 2),
            "peakEmotion": row["peak_emotion"],
            "peakProbability": rounded(row["peak_probability"], 3),
            "isNegativeCall": row["is_negative_call"],
            "escalated": row["escalated"],
            "recovered": row["recovered"],
            "needsAttention": row["needs_attention"],
            "attentionReason": row["attention_reason"],
            "sparkline": sparklines.get(row["recording_id"], ""),
        }
        for rank, row in enumerate(rows)
    ]


@settings(max_examples=50, deadline=None)
@given(detail=details)
def test_call_survives_the_round_trip(decode, detail):
    script = render_script("callmood.showCall", call_payload(detail, UTC, AudioSource(None, "no audio")))
    assert decode(script, "callmood.call") == {
        "id": detail.recording_id,
        "name": display_name(detail.call),
        "day": detail.call["call_date"].isoformat(),
        "time": detail.call["started_at"].strftime("%H:%M"),
        **{key: detail.call[column] for key, column in UNENCODED_COLUMNS.items()},
        "quarters": [None] * 4,
        "timeline": [rounded(negativity, 3) for negativity in detail.timeline],
        "worstMoments": [
            {
                "start": rounded(moment["start_s"], 3),
                "end": rounded(moment["end_s"], 3),
                "emotion": moment["emotion"],
                "probability": rounded(moment["probability"], 3),
            }
            for moment in detail.worst_moments
        ],
        "segments": [
            {
                "index": index,
                "role": segment["role"],
                "start": rounded(segment["start_s"], 3),
                "end": rounded(segment["end_s"], 3),
                "emotion": segment["emotion"],
                "level": segment["level_dbfs"],
                "probabilities": None
                if segment["p_anger"] is None
                else [rounded(segment[f"p_{emotion}"], 3) for emotion in EMOTIONS],
                "interrupts": segment["interrupts"],
            }
            for index, segment in enumerate(detail.segments)
        ],
        "audioUrl": None,
        "audioMessage": "no audio",
    }
