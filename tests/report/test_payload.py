"""Payloads: sparklines, and the round trip from rows through payload.py, details.py, and payload.js back to values."""

from datetime import UTC, date, datetime
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callmood.report.audio import AudioSource, Clip
from callmood.report.data_files import DetailFiles, compress, encode_json, file_number
from callmood.report.details import (
    CALL_COLUMNS,
    ROLES,
    SPARKLINE_BINS,
    call_payload,
    dominant_labels,
    query_detail,
    query_details,
    query_sparklines,
)
from callmood.report.payload import LABELS, calls_payload, display_name
from callmood.report.queries import query_calls
from callmood.types import EMOTIONS

seconds = st.floats(0, 10_000)
ratios = st.floats(0, 1)
flags = st.none() | st.booleans()
texts = st.text(max_size=20)


def optional(strategy):
    return st.none() | strategy


sparkline_segments = st.lists(
    st.tuples(st.floats(0, 59), st.floats(0.6, 8), st.integers(0, len(LABELS) - 1)), max_size=20
)


@given(sparkline_segments)
def test_sparkline_shows_the_label_with_the_most_speech_of_each_cell(segments):
    start = np.array([start for start, _, _ in segments])
    end = np.array([min(start + length, 60.0) for start, length, _ in segments])
    label = np.array([label for _, _, label in segments], int)
    [cells] = dominant_labels(np.zeros(len(segments), int), label, start, end, np.array([60 / SPARKLINE_BINS]))
    for cell, shown in enumerate(cells):
        overlap = np.clip(np.minimum(end, (cell + 1) * 1.5) - np.maximum(start, cell * 1.5), 0, None)
        seconds = np.bincount(label, overlap, minlength=len(LABELS))
        if shown == -1:
            assert seconds.max() <= 1.5 / 8 + 1e-9
        else:
            assert seconds[shown] == pytest.approx(seconds.max())


def test_sparklines_of_the_server_are_those_of_a_static_report(store):
    days = {"first": date(2026, 11, 16), "last": date(2026, 11, 20)}
    listed = query_calls(store, *days.values())
    details = {detail.recording_id: detail.sparkline for detail in query_details(store, listed, days)}
    assert query_sparklines(store, listed, days) == details
    assert len(set(details.values())) > 10


calls = st.fixed_dictionaries(
    {
        "recording_id": st.uuids().map(lambda uuid: uuid.hex),
        "call_id": optional(texts),
        "uri": st.just("gs://calls/2026/a.wav"),
        "call_date": st.dates(date(2000, 1, 1)),
        "started_at": st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)),
        "queue": optional(texts),
        "agent_id": optional(texts),
        "customer_id": optional(texts),
        "direction": optional(texts),
        "language": optional(texts),
        "label_list": optional(st.lists(st.fixed_dictionaries({"key": texts, "value": texts}), max_size=3)),
        "duration_s": seconds,
        **{f"{label}_s": optional(seconds) for label in LABELS},
        "negative_s": optional(seconds),
        "peak_start_s": optional(seconds),
        "peak_emotion": optional(st.sampled_from(EMOTIONS)),
        "peak_probability": optional(ratios),
        "peak_negativity": optional(ratios),
        "peak_is_uncertain": flags,
        **dict.fromkeys(("is_negative_call", "escalated", "recovered", "needs_attention"), flags),
        "attention_reason": optional(texts),
        **{f"p_{emotion}": optional(ratios) for emotion in EMOTIONS},
        "is_shared_channel": flags,
        "is_start_estimated": flags,
        "agent_emotion_s": seconds,
    }
)

segments = st.fixed_dictionaries(
    {
        "channel": st.integers(0, 3),
        "role": st.sampled_from(ROLES),
        "is_customer": st.booleans(),
        "start_s": seconds,
        "end_s": seconds,
        "emotion": optional(st.sampled_from(LABELS)),
        "level_dbfs": st.floats(-90, 0).map(lambda level: round(level, 1)),
        **{f"p_{emotion}": ratios for emotion in EMOTIONS[1:]},
        "p_anger": optional(ratios),
        "is_interruption": st.booleans(),
        "pitch_semitones": optional(st.integers(-240, 240).map(lambda tenths: tenths / 10)),
        "loudness_db": optional(st.integers(-400, 400).map(lambda tenths: tenths / 10)),
        "rate_ratio": optional(st.integers(1, 500).map(lambda percent: percent / 100)),
    }
)
worst_moments = st.fixed_dictionaries(
    {"start_s": seconds, "end_s": seconds, "emotion": st.sampled_from(EMOTIONS), "probability": ratios}
)


class OneCall:
    """A warehouse that contains one call."""

    def __init__(self, recording_id, segments, timeline, moments):
        self._id = recording_id
        self._segments, self._timeline, self._moments = segments, timeline, moments

    def query_dataframe(self, sql, _parameters):
        if "FROM turns" in sql:
            columns = ("channel", "role", "is_customer", "start_s", "end_s", "emotion", "level_dbfs", "is_interruption")
            columns = (*columns, "pitch_semitones", "loudness_db", "rate_ratio")
            return self._frame(self._segments, (*columns, *(f"p_{emotion}" for emotion in EMOTIONS)))
        if "FROM call_timeline" in sql:
            return self._frame([{"negativity": value} for value in self._timeline], ("negativity",))
        return self._frame(self._moments, ("start_s", "end_s", "emotion", "probability"))

    def _frame(self, rows, columns):
        frame = pd.DataFrame(rows, columns=columns)
        return frame.assign(recording_id=self._id)


@pytest.fixture(scope="module")
def decode(chromium):
    """Decode a payload in a page that has the decoder, and return the value."""
    static = files("callmood.report") / "static"
    page = chromium.new_page()
    page.add_script_tag(content="".join((static / name).read_text("utf-8") for name in ("base.js", "payload.js")))
    yield lambda function, payload: page.evaluate(
        f"(payload) => callmood.{function}(JSON.parse(payload), 'b')", payload
    )
    page.close()


def rounded(value, digits):
    return None if value is None else pytest.approx(value, abs=0.5001 * 10**-digits)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(calls, max_size=4))
def test_calls_survive_the_round_trip(decode, rows):
    for decoded, (index, row) in zip(
        decode("decodeCalls", encode_json(calls_payload(rows, UTC))), enumerate(rows), strict=True
    ):
        emotion_s = sum(row[f"{label}_s"] or 0 for label in LABELS)
        negativity = decoded.pop("negativity")
        if emotion_s > 10:
            assert negativity == pytest.approx((row["negative_s"] or 0) / emotion_s, rel=0.1, abs=0.01)
        assert decoded == {
            "id": row["recording_id"],
            "batch": "b",
            "index": index,
            "name": display_name(row),
            "day": row["call_date"].isoformat(),
            "time": row["started_at"].strftime("%H:%M"),
            "weekday": row["call_date"].isoweekday(),
            "hour": row["started_at"].hour,
            "queue": row["queue"],
            "agent": row["agent_id"],
            "customer": row["customer_id"],
            "direction": row["direction"],
            "language": row["language"],
            "labels": sorted({f"{label['key']}={label['value']}" for label in row["label_list"] or ()}),
            "duration": rounded(row["duration_s"], 1),
            "emotionDuration": pytest.approx(emotion_s, abs=0.5),
            "labelDurations": [rounded(row[f"{label}_s"] or 0, 1) for label in LABELS],
            "probabilities": [rounded(row[f"p_{emotion}"] or 0, 3) for emotion in EMOTIONS],
            "negativeDuration": rounded(row["negative_s"] or 0, 2),
            "peakStart": rounded(row["peak_start_s"], 1),
            "peakEmotion": row["peak_emotion"],
            "peakProbability": rounded(row["peak_probability"], 3),
            "hasMoment": (row["peak_negativity"] or 0) >= 0.5,
            "peakIsUncertain": bool(row["peak_is_uncertain"]),
            "isNegativeCall": row["is_negative_call"],
            "escalated": row["escalated"],
            "recovered": row["recovered"],
            "needsAttention": row["needs_attention"],
            "attentionReason": row["attention_reason"],
            "hasSharedChannel": bool(row["is_shared_channel"]),
            "hasEstimatedStart": bool(row["is_start_estimated"]),
            "hasAgentEmotion": row["agent_emotion_s"] > 0,
        }


@settings(max_examples=50, deadline=None)
@given(
    call=calls,
    segments=st.lists(segments, max_size=5),
    timeline=st.lists(optional(ratios), max_size=5),
    moments=st.lists(worst_moments, max_size=3),
)
def test_call_survives_the_round_trip(decode, call, segments, timeline, moments):
    call = dict.fromkeys(CALL_COLUMNS.values()) | {f"negativity_q{i}": None for i in (1, 2, 3, 4)} | call
    call["duration_s"] = max(call["duration_s"], 1.0)
    detail = query_detail(OneCall(call["recording_id"], segments, timeline, moments), call)
    assert decode(
        "decodeCall",
        encode_json(call_payload(detail, UTC, AudioSource(None, "no audio", (Clip(1.5, 4, "clips/a-2.mp3"),)))),
    ) == {
        "id": call["recording_id"],
        "name": display_name(call),
        "day": call["call_date"].isoformat(),
        "time": call["started_at"].strftime("%H:%M"),
        **{key: call[column] for key, column in CALL_COLUMNS.items()},
        "quarters": [None] * 4,
        "timeline": [rounded(negativity, 3) for negativity in timeline],
        "worstMoments": [
            {
                "start": rounded(moment["start_s"], 3),
                "end": rounded(moment["end_s"], 3),
                "emotion": moment["emotion"],
                "probability": rounded(moment["probability"], 3),
            }
            for moment in moments
        ],
        "segments": [
            {
                "index": index,
                "role": segment["role"],
                "channel": segment["channel"],
                "start": rounded(segment["start_s"], 3),
                "end": rounded(segment["end_s"], 3),
                "emotion": segment["emotion"],
                "level": segment["level_dbfs"],
                "pitch": segment["pitch_semitones"],
                "loudness": segment["loudness_db"],
                "rate": None if segment["rate_ratio"] is None else pytest.approx(segment["rate_ratio"]),
                "probabilities": None
                if segment["p_anger"] is None
                else [rounded(segment[f"p_{emotion}"], 3) for emotion in EMOTIONS],
                "interrupts": segment["is_interruption"],
            }
            for index, segment in enumerate(segments)
        ],
        "audioUrl": None,
        "audioMessage": "no audio",
        "clips": [{"start": 1.5, "end": 4, "url": "clips/a-2.mp3"}],
    }


DATA_PAGE = """<!doctype html><body data-detail-files="{files}"><p id="loading"></p>
<script>{scripts}</script></body>"""


@settings(max_examples=10, deadline=None)
@given(ids=st.lists(st.uuids().map(lambda uuid: uuid.hex), min_size=1, max_size=20, unique=True))
def test_page_finds_the_file_of_each_call(chromium, tmp_path_factory, ids):
    folder = tmp_path_factory.mktemp("site")
    (folder / "data").mkdir()
    with DetailFiles(folder / "data", segments=35_000) as details:
        for recording_id in ids:
            details.add(recording_id, {"id": recording_id, "text": "</script>"})
    assert details.count == 7
    static = files("callmood.report") / "static"
    scripts = "".join((static / name).read_text("utf-8") for name in ("base.js", "data.js"))
    (folder / "index.html").write_text(DATA_PAGE.format(files=7, scripts=scripts), encoding="utf-8")
    page = chromium.new_page()
    page.goto((folder / "index.html").as_uri())
    for recording_id in ids:
        for key in (recording_id, recording_id[:10]):
            assert page.evaluate("id => callmood.data.readCall(id)", key) == {"id": recording_id, "text": "</script>"}
    for unknown in ("", "../../etc/passwd", "f" * 31):
        assert page.evaluate("id => callmood.data.readCall(id).catch(() => 'missing')", unknown) == "missing"
    page.close()


def test_compressed_values_do_not_depend_on_the_time():
    assert compress({"text": "é</script>"}) == compress({"text": "é</script>"})
    assert file_number("a" * 32, 5) in range(5)
