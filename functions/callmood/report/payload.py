"""Encode rows as compact JSON payloads. `static/payload.js` decodes them in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import PurePosixPath
from typing import Any, Generic, TypeVar

from callmood.types import EMOTIONS, JsonRow

T = TypeVar("T")

LABELS = (*EMOTIONS, "uncertain")
"""tuple of str: possible labels of a segment. A payload stores the index of a label in this tuple."""


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


def _deciseconds(seconds: float | None) -> int | None:
    return _scaled(seconds, 10)


def _permille(ratio: float | None) -> int | None:
    return _scaled(ratio, 1000)


class _Table(Generic[T]):
    """Dictionary encoding: give each distinct value an index."""

    def __init__(self) -> None:
        self._indices: dict[T, int] = {}

    def index(self, value: T | None) -> int | None:
        return None if value is None else self._indices.setdefault(value, len(self._indices))

    def values(self) -> list[T]:
        return list(self._indices)


def calls_payload(calls: Sequence[JsonRow], zone: tzinfo, id_digits: int | None = None) -> dict[str, Any]:
    """Encode calls by column: durations in tenths of a second, ratios in permille.

    Only the negative duration has hundredths: ratios of a few seconds need them.

    Parameters
    ----------
    calls : sequence of dict
        Rows of `query_calls`.
    zone : tzinfo
        Zone of the times of day.
    id_digits : int, optional
        Number of leading digits of each recording id to include; default: all. An id cannot be compressed.

    Returns
    -------
    dict
        JSON-serializable: ``columns``, and the tables that columns refer to by index: ``queues``, ``agents``,
        ``customers``, ``directions``, ``languages``, and ``labelSets`` (lists of ``key=value``).
    """
    queues, agents, customers, directions, languages = (_Table[str]() for _ in range(5))
    label_sets = _Table[tuple[str, ...]]()
    columns = {
        "id": [call["recording_id"][:id_digits] for call in calls],
        "name": [display_name(call) for call in calls],
        "day": [call["call_date"].isoformat() for call in calls],
        "time": [time_of_day(call, zone) for call in calls],
        "queue": [queues.index(call["queue"]) for call in calls],
        "agent": [agents.index(call["agent_id"]) for call in calls],
        "customer": [customers.index(call["customer_id"]) for call in calls],
        "direction": [directions.index(call["direction"]) for call in calls],
        "language": [languages.index(call["language"]) for call in calls],
        "labels": [label_sets.index(_label_set(call["label_list"])) for call in calls],
        "duration": [_deciseconds(call["duration_s"]) for call in calls],
        **{label: [_deciseconds(call[f"{label}_s"]) for call in calls] for label in LABELS},
        **{f"p_{emotion}": [_permille(call[f"p_{emotion}"]) for call in calls] for emotion in EMOTIONS},
        "negativeDuration": [_scaled(call["negative_s"], 100) for call in calls],
        "peakStart": [_deciseconds(call["peak_start_s"]) for call in calls],
        "peakEmotion": [_label_index(call["peak_emotion"]) for call in calls],
        "peakProbability": [_permille(call["peak_probability"]) for call in calls],
        "hasMoment": [_flag(_has_moment(call)) for call in calls],
        "peakIsUncertain": [_flag(call["peak_is_uncertain"]) for call in calls],
        "isNegativeCall": [_flag(call["is_negative_call"]) for call in calls],
        "escalated": [_flag(call["escalated"]) for call in calls],
        "recovered": [_flag(call["recovered"]) for call in calls],
        "needsAttention": [_flag(call["needs_attention"]) for call in calls],
        "attentionReason": [call["attention_reason"] for call in calls],
        "hasSharedChannel": [_flag(call["is_shared_channel"]) for call in calls],
        "hasEstimatedStart": [_flag(call["is_start_estimated"]) for call in calls],
        "hasAgentEmotion": [_flag(call["agent_emotion_s"] > 0) for call in calls],
    }
    return {
        "queues": queues.values(),
        "agents": agents.values(),
        "customers": customers.values(),
        "directions": directions.values(),
        "languages": languages.values(),
        "labelSets": label_sets.values(),
        "columns": columns,
    }


def _label_set(labels: Sequence[JsonRow] | None) -> tuple[str, ...]:
    return tuple(sorted({f"{label['key']}={label['value']}" for label in labels or ()}))


def time_of_day(call: JsonRow, zone: tzinfo) -> str:
    """Return the start of a call as ``HH:MM``.

    Parameters
    ----------
    call : dict
        With ``started_at``.
    zone : tzinfo
        Zone of the time.
    """
    return str(call["started_at"].astimezone(zone).strftime("%H:%M"))


def _has_moment(call: JsonRow) -> bool:
    """Whether the most negative segment is one of the view `worst_moments`."""
    return (call["peak_negativity"] or 0) >= 0.5


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _label_index(label: str | None) -> int | None:
    return None if label is None else LABELS.index(label)
