"""Encode rows as compact JSON payloads. `static/payload.js` decodes them in the browser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from pathlib import PurePosixPath
from typing import Any

from callmood.report.audio import AudioSource
from callmood.report.queries import CallDetail
from callmood.types import EMOTIONS, JsonRow

LABELS = (*EMOTIONS, "uncertain")
"""tuple of str: possible labels of a segment. A payload stores the index of a label in this tuple."""

SPARKLINE_BINS = 40
"""int: cells of the sparkline that shows the emotions of a call in the list of calls."""


def display_name(call: JsonRow) -> str:
    """Return the call id, or the file name where the call has no id.

    Parameters
    ----------
    call : dict
        With ``call_id`` and ``uri``.
    """
    return str(call["call_id"] or PurePosixPath(call["uri"]).name)


def _scaled(value: float | None, factor: int) -> int | None:
    return None if value is None else round(value * factor)


def _centiseconds(seconds: float | None) -> int | None:
    return _scaled(seconds, 100)


def _permille(ratio: float | None) -> int | None:
    return _scaled(ratio, 1000)


class _StringTable:
    """Dictionary encoding: give each distinct string an index."""

    def __init__(self) -> None:
        self._indices: dict[str, int] = {}

    def index(self, text: str | None) -> int | None:
        return None if text is None else self._indices.setdefault(text, len(self._indices))

    def strings(self) -> list[str]:
        return list(self._indices)


def calls_payload(calls: Sequence[JsonRow], sparklines: Mapping[str, str], zone: tzinfo) -> dict[str, Any]:
    """Encode the list of calls by column: durations in centiseconds, ratios in permille.

    Parameters
    ----------
    calls : sequence of dict
        Rows of `query_calls`.
    sparklines : mapping of str to str
        Results of `sparkline` by recording id.
    zone : tzinfo
        Zone of the times of day.

    Returns
    -------
    dict
        JSON-serializable: ``columns``, and the string tables ``queues`` and ``agents`` that the columns refer to.
    """
    queues, agents = _StringTable(), _StringTable()
    columns = {
        "id": [call["recording_id"] for call in calls],
        "name": [display_name(call) for call in calls],
        "day": [call["call_date"].isoformat() for call in calls],
        "time": [_time_of_day(call, zone) for call in calls],
        "weekday": [call["weekday"] for call in calls],
        "hour": [call["hour"] for call in calls],
        "queue": [queues.index(call["queue"]) for call in calls],
        "agent": [agents.index(call["agent_id"]) for call in calls],
        "duration": [_centiseconds(call["duration_s"]) for call in calls],
        "emotionDuration": [_centiseconds(call["customer_emotion_s"]) for call in calls],
        **{label: [_centiseconds(call[f"{label}_s"]) for call in calls] for label in LABELS},
        "negativeDuration": [_centiseconds(call["negative_s"]) for call in calls],
        "negativity": [_permille(call["negativity"]) for call in calls],
        "peakStart": [_centiseconds(call["peak_start_s"]) for call in calls],
        "peakEmotion": [_label_index(call["peak_emotion"]) for call in calls],
        "peakProbability": [_permille(call["peak_probability"]) for call in calls],
        "isNegativeCall": [_flag(call["is_negative_call"]) for call in calls],
        "escalated": [_flag(call["escalated"]) for call in calls],
        "recovered": [_flag(call["recovered"]) for call in calls],
        "needsAttention": [_flag(call["needs_attention"]) for call in calls],
        "attentionReason": [call["attention_reason"] for call in calls],
        "sparkline": [sparklines.get(call["recording_id"], "") for call in calls],
    }
    return {"queues": queues.strings(), "agents": agents.strings(), "columns": columns}


def _time_of_day(call: JsonRow, zone: tzinfo) -> str:
    return str(call["started_at"].astimezone(zone).strftime("%H:%M"))


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _label_index(label: str | None) -> int | None:
    return None if label is None else LABELS.index(label)


def sparkline(segments: Iterable[JsonRow], duration_s: float) -> str:
    """Reduce a call to `SPARKLINE_BINS` cells, each with the label that dominates the customer's speech in it.

    Parameters
    ----------
    segments : iterable of dict
        Rows of `segments_current` of one call.
    duration_s : float
        Duration of the call in seconds, greater than 0.

    Returns
    -------
    str
        One character per cell: the index of the label in `LABELS`, or ``.`` where the customer does not speak.

    Examples
    --------
    >>> sparkline([{"is_customer": True, "emotion": "anger", "start_s": 0.0, "end_s": 30.0}], 60.0)
    '00000000000000000000....................'
    """
    width = duration_s / SPARKLINE_BINS
    cells: list[dict[str, float]] = [defaultdict(float) for _ in range(SPARKLINE_BINS)]
    for segment in segments:
        if not segment["is_customer"] or segment["emotion"] is None:
            continue
        first, last = int(segment["start_s"] / width), min(int(segment["end_s"] / width), SPARKLINE_BINS - 1)
        for cell in range(first, last + 1):
            overlap = min(segment["end_s"], (cell + 1) * width) - max(segment["start_s"], cell * width)
            cells[cell][segment["emotion"]] += overlap
    # Speech in less than an eighth of a cell does not color the cell.
    return "".join(_dominant_label({label: s for label, s in cell.items() if s > width / 8}) for cell in cells)


def _dominant_label(seconds: Mapping[str, float]) -> str:
    return str(LABELS.index(max(seconds, key=seconds.__getitem__))) if seconds else "."


def call_payload(detail: CallDetail, zone: tzinfo, audio: AudioSource) -> dict[str, Any]:
    """Encode one call: times of segments in milliseconds, probabilities in permille, labels by index.

    Parameters
    ----------
    detail : CallDetail
        Rows of the call.
    zone : tzinfo
        Zone of the time of day.
    audio : AudioSource
        Playable audio of the call.

    Returns
    -------
    dict
        JSON-serializable argument of the page's function `callmood.showCall`.
    """
    call = detail.call
    return {
        "id": detail.recording_id,
        "name": display_name(call),
        "day": call["call_date"].isoformat(),
        "time": _time_of_day(call, zone),
        **{key: call[column] for key, column in _CALL_COLUMNS.items()},
        "quarters": [call[f"negativity_q{quarter}"] for quarter in (1, 2, 3, 4)],
        "timeline": [_permille(negativity) for negativity in detail.timeline],
        "worstMoments": [
            [
                _milliseconds(moment["start_s"]),
                _milliseconds(moment["end_s"]),
                _label_index(moment["emotion"]),
                _permille(moment["probability"]),
            ]
            for moment in detail.worst_moments
        ],
        "segments": [_encode_segment(segment) for segment in detail.segments],
        "audioUrl": audio.url,
        "audioMessage": audio.message,
    }


_CALL_COLUMNS = {
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
"""dict of str to str: payload key to column of the view `calls`; the values are not encoded."""


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _encode_segment(segment: JsonRow) -> list[Any]:
    has_emotion = segment["p_anger"] is not None
    return [
        segment["role"],
        _milliseconds(segment["start_s"]),
        _milliseconds(segment["end_s"]),
        _label_index(segment["emotion"]),
        segment["level_dbfs"],
        [_permille(segment[f"p_{emotion}"]) for emotion in EMOTIONS] if has_emotion else None,
        int(segment["interrupts"]),
    ]
