"""Rows packed small for the page, and unpacked there by `static/base.js` and `static/call.js`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from pathlib import PurePosixPath
from typing import Any

from callmood.report.queries import CallDetail
from callmood.types import EMOTIONS, JsonRow

LABELS = (*EMOTIONS, "uncertain")
"""tuple of str: what a segment may be labeled; the page knows them by their position here."""

STRIP_BINS = 40
"""int: cells of the small strip that shows a call at a glance in the list."""


def call_name(row: JsonRow) -> str:
    """What a person calls the call: its id, else its file's name.

    Parameters
    ----------
    row : dict
        With ``call_id`` and ``uri``.
    """
    return str(row["call_id"] or PurePosixPath(row["uri"]).name)


def _rounded(value: float | None, scale: int) -> int | None:
    return None if value is None else round(value * scale)


def _hundredths(seconds: float | None) -> int | None:
    return _rounded(seconds, 100)


def _permille(share: float | None) -> int | None:
    return _rounded(share, 1000)


class _Names:
    """Texts that many calls share, each told once and then known by its number."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def number(self, name: str | None) -> int | None:
        return None if name is None else self.known.setdefault(name, len(self.known))


def index_columns(rows: Sequence[JsonRow], strips: Mapping[str, str], zone: tzinfo) -> dict[str, Any]:
    """Pack the list of calls: a column each, seconds in hundredths, shares in thousandths.

    Parameters
    ----------
    rows : sequence of dict
        Rows of the view `calls`, as `calls_of` gives them.
    strips : mapping of str to str
        By recording id, from `strip`.
    zone : tzinfo
        Zone of the times of day.

    Returns
    -------
    dict
        JSON-able: ``queues`` and ``agents`` by number, and ``columns``.
    """
    queues, agents = _Names(), _Names()
    columns = {
        "id": [row["recording_id"] for row in rows],
        "name": [call_name(row) for row in rows],
        "day": [row["call_date"].isoformat() for row in rows],
        "time": [row["started_at"].astimezone(zone).strftime("%H:%M") for row in rows],
        "weekday": [row["weekday"] for row in rows],
        "hour": [row["hour"] for row in rows],
        "queue": [queues.number(row["queue"]) for row in rows],
        "agent": [agents.number(row["agent_id"]) for row in rows],
        "length": [_hundredths(row["duration_s"]) for row in rows],
        "heard": [_hundredths(row["customer_emotion_s"]) for row in rows],
        **{label: [_hundredths(row[f"{label}_s"]) for row in rows] for label in LABELS},
        "negative": [_hundredths(row["negative_s"]) for row in rows],
        "negativity": [_permille(row["negativity"]) for row in rows],
        "change": [_permille(row["negativity_change"]) for row in rows],
        "peak": [_hundredths(row["peak_start_s"]) for row in rows],
        "peakEmotion": [_label_number(row["peak_emotion"]) for row in rows],
        "peakProbability": [_permille(row["peak_probability"]) for row in rows],
        "hard": [_flag(row["is_negative_call"]) for row in rows],
        "escalated": [_flag(row["escalated"]) for row in rows],
        "recovered": [_flag(row["recovered"]) for row in rows],
        "attention": [_flag(row["needs_attention"]) for row in rows],
        "reason": [row["attention_reason"] for row in rows],
        "strip": [strips.get(row["recording_id"], "") for row in rows],
    }
    return {"queues": list(queues.known), "agents": list(agents.known), "columns": columns}


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _label_number(label: str | None) -> int | None:
    return None if label is None else LABELS.index(label)


def strip(segments: Iterable[JsonRow], duration_s: float) -> str:
    """Draw a call as a row of cells: which label holds most of the customer's speech in each.

    Parameters
    ----------
    segments : iterable of dict
        Rows of `segments_current` of one call.
    duration_s : float
        Length of the call in seconds, above 0.

    Returns
    -------
    str
        `STRIP_BINS` characters: the label's position in `LABELS`, or ``.`` where the customer does not speak.

    Examples
    --------
    >>> strip([{"is_customer": True, "emotion": "anger", "start_s": 0.0, "end_s": 30.0}], 60.0)
    '00000000000000000000....................'
    """
    width = duration_s / STRIP_BINS
    seconds: list[dict[str, float]] = [defaultdict(float) for _ in range(STRIP_BINS)]
    for segment in segments:
        if not segment["is_customer"] or segment["emotion"] is None:
            continue
        first, last = int(segment["start_s"] / width), min(int(segment["end_s"] / width), STRIP_BINS - 1)
        for cell in range(first, last + 1):
            inside = min(segment["end_s"], (cell + 1) * width) - max(segment["start_s"], cell * width)
            seconds[cell][segment["emotion"]] += inside
    # A sliver of speech at a cell's edge does not color the whole cell.
    heard = [{label: s for label, s in cell.items() if s > width / 8} for cell in seconds]
    return "".join(str(LABELS.index(max(cell, key=cell.__getitem__))) if cell else "." for cell in heard)


def call_page(detail: CallDetail, zone: tzinfo) -> dict[str, Any]:
    """Pack one call: times in milliseconds, shares in thousandths, labels by number.

    Parameters
    ----------
    detail : CallDetail
        The call.
    zone : tzinfo
        Zone of the time of day.

    Returns
    -------
    dict
        JSON-able, for the page's `callmood.show`.
    """
    row = detail.row
    return {
        "id": detail.id,
        "name": call_name(row),
        "day": row["call_date"].isoformat(),
        "time": row["started_at"].astimezone(zone).strftime("%H:%M"),
        **{name: row[column] for name, column in _CALL_FACTS.items()},
        "quarters": [row[f"negativity_q{quarter}"] for quarter in (1, 2, 3, 4)],
        "curve": [_permille(share) for share in detail.negativity],
        "moments": [
            [_ms(m["start_s"]), _ms(m["end_s"]), _label_number(m["emotion"]), _permille(m["probability"])]
            for m in detail.moments
        ],
        "segments": [_packed_segment(segment) for segment in detail.segments],
    }


_CALL_FACTS = {
    "queue": "queue",
    "agent": "agent_id",
    "customer": "customer_id",
    "direction": "direction",
    "language": "language",
    "labels": "labels",
    "length": "duration_s",
    "agentTalk": "agent_talk_s",
    "customerTalk": "customer_talk_s",
    "mixedTalk": "mixed_talk_s",
    "silence": "silence_s",
    "longestSilence": "longest_silence_s",
    "overlap": "overlap_s",
    "interruptionsByAgent": "interruptions_by_agent",
    "interruptionsByCustomer": "interruptions_by_customer",
    "firstAnger": "first_anger_s",
    "change": "negativity_change",
    "escalated": "escalated",
    "recovered": "recovered",
    "attention": "needs_attention",
    "reason": "attention_reason",
    "warnings": "warnings",
    "model": "model_version",
}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _packed_segment(segment: JsonRow) -> list[Any]:
    heard = segment["p_anger"] is not None
    return [
        segment["role"],
        _ms(segment["start_s"]),
        _ms(segment["end_s"]),
        _label_number(segment["emotion"]),
        segment["level_dbfs"],
        [_permille(segment[f"p_{emotion}"]) for emotion in EMOTIONS] if heard else None,
        int(segment["interrupts"]),
    ]
