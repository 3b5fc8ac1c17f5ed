"""Read the segments of calls, and encode each call as a compact payload. `static/payload.js` decodes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np

from callmood.report.batches import DAYS
from callmood.report.payload import LABELS, display_name, time_of_day
from callmood.types import EMOTIONS, JsonRow
from callmood.warehouse.base import Warehouse

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from callmood.report.audio import AudioSource

SPARKLINE_BINS = 40
"""int: cells of the sparkline that shows the emotions of a call in the list of calls."""

ROLES = ("agent", "customer", "mixed", "unknown")
"""tuple of str: roles of a segment. A payload stores the index of a role in this tuple."""

CALL_COLUMNS = {
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
    "unknownTalk": "unknown_talk_s",
    "silence": "silence_s",
    "longestSilence": "longest_silence_s",
    "overlap": "overlap_s",
    "interruptionsByAgent": "interruptions_by_agent",
    "interruptionsByCustomer": "interruptions_by_customer",
    "firstAnger": "first_anger_s",
    "negativityStart": "negativity_start",
    "negativityMiddle": "negativity_middle",
    "negativityEnd": "negativity_end",
    "negativityChange": "negativity_change",
    "angerDuration": "anger_s",
    "isNegativeCall": "is_negative_call",
    "escalated": "escalated",
    "recovered": "recovered",
    "needsAttention": "needs_attention",
    "attentionReason": "attention_reason",
    "isSharedChannel": "is_shared_channel",
    "isStartEstimated": "is_start_estimated",
    "warnings": "warnings",
    "modelVersion": "model_version",
}
"""dict of str to str: payload key to column of the view `calls`; the values are not encoded."""

# Each query reads the segments of a range of days, or of one recording.
_SEGMENTS = """
SELECT
  recording_id, channel, role, is_customer, start_s, end_s, emotion, level_dbfs,
  p_anger, p_disgust, p_fear, p_happiness, p_neutral, p_sadness, is_interruption,
  pitch_semitones, loudness_db, rate_ratio
FROM turns
WHERE {condition}
ORDER BY recording_id, start_s, channel
"""

_LABELED_SEGMENTS = """
SELECT recording_id, is_customer, start_s, end_s, emotion
FROM turns
WHERE is_customer AND emotion IS NOT NULL AND {condition}
"""

_TIMELINE = """
SELECT recording_id, negativity
FROM call_timeline
WHERE is_customer AND {condition}
ORDER BY recording_id, bin
"""

_WORST_MOMENTS = """
SELECT recording_id, start_s, end_s, emotion, probability
FROM worst_moments
WHERE rank_in_call <= 12 AND {condition}
ORDER BY recording_id, rank_in_call
"""


@dataclass(frozen=True)
class CallDetail:
    """One call with its encoded segments.

    Parameters
    ----------
    call : dict
        The row of `query_calls`.
    segments : dict of str to list
        Columns of the segments, ordered by start: ``role`` and ``label`` as indices of `ROLES` and `LABELS`,
        ``channel``, ``start`` and ``end`` in milliseconds, ``level`` in tenths of dB, ``interrupts`` as 0 or 1, and
        ``probabilities``: those of all six emotions, in permille, one after the other. -1: not inferred.
    timeline : list of int
        Customer negativity in permille per bin of 10 s, from the view `call_timeline`. -1: no customer speech.
    worst_moments : list of list of int
        Start and end in milliseconds, index of the emotion, and probability in permille, from the view
        `worst_moments`, the most reliable first.
    sparkline : str
        One character per cell: the index of the label in `LABELS` that dominates the customer's speech in the cell, or
        ``.`` where the customer does not speak.
    """

    call: JsonRow
    segments: dict[str, list[int]]
    timeline: list[int]
    worst_moments: list[list[int]]
    sparkline: str

    @property
    def recording_id(self) -> str:
        """Identify the call in addresses and file names."""
        return str(self.call["recording_id"])


def query_details(warehouse: Warehouse, calls: Sequence[JsonRow], days: Mapping[str, object]) -> Iterator[CallDetail]:
    """Query the details of all calls of some days.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    calls : sequence of dict
        Rows of `query_calls` of these days.
    days : mapping of str to object
        `Batch.days`.

    Returns
    -------
    iterator of CallDetail
        One per call, in the order of the calls. All rows are queried before the function returns.
    """
    return _query(warehouse, calls, DAYS, days)


def query_detail(warehouse: Warehouse, call: JsonRow) -> CallDetail:
    """Query the details of one call.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    call : dict
        A row of `query_calls`.
    """
    key = {"day": call["call_date"], "recording_id": call["recording_id"]}
    return next(_query(warehouse, [call], "call_date = @day AND recording_id = @recording_id", key))


def query_sparklines(warehouse: Warehouse, calls: Sequence[JsonRow], days: Mapping[str, object]) -> dict[str, str]:
    """Query the sparklines of all calls of some days, by recording id. The parameters are those of `query_details`."""
    segments = warehouse.query_dataframe(_LABELED_SEGMENTS.format(condition=DAYS), days)
    return _sparklines(segments, calls)


def _query(
    warehouse: Warehouse, calls: Sequence[JsonRow], condition: str, parameters: Mapping[str, object]
) -> Iterator[CallDetail]:
    segments, timeline, moments = (
        warehouse.query_dataframe(sql.format(condition=condition), parameters)
        for sql in (_SEGMENTS, _TIMELINE, _WORST_MOMENTS)
    )
    return _encode(calls, segments, timeline, moments)


def _encode(
    calls: Sequence[JsonRow], segments: DataFrame, timeline: DataFrame, moments: DataFrame
) -> Iterator[CallDetail]:
    sparklines = _sparklines(segments, calls)
    columns = _encode_segments(segments)
    negativity = _scaled(timeline["negativity"], 1000)
    moment_rows = [
        list(row)
        for row in zip(
            _scaled(moments["start_s"], 1000),
            _scaled(moments["end_s"], 1000),
            _codes(moments["emotion"], LABELS),
            _scaled(moments["probability"], 1000),
            strict=True,
        )
    ]
    segments_of, bins_of, moments_of = (_slices(frame["recording_id"]) for frame in (segments, timeline, moments))
    nothing = slice(0, 0)
    for call in calls:
        key = call["recording_id"]
        rows = segments_of.get(key, nothing)
        p_rows = slice(len(EMOTIONS) * rows.start, len(EMOTIONS) * rows.stop)
        yield CallDetail(
            call,
            {name: values[p_rows if name == "probabilities" else rows] for name, values in columns.items()},
            negativity[bins_of.get(key, nothing)],
            moment_rows[moments_of.get(key, nothing)],
            sparklines[key],
        )


def _slices(keys: Series[Any]) -> dict[str, slice]:
    """Return the rows of each key. Equal keys are consecutive."""
    values = keys.to_numpy(dtype=object)
    if not len(values):
        return {}
    starts = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist()]
    return {values[a]: slice(a, b) for a, b in zip(starts, [*starts[1:], len(values)], strict=True)}


def _scaled(values: Series[Any], factor: int) -> list[int]:
    scaled = values.to_numpy(np.float64) * factor
    rounded: list[int] = np.where(np.isnan(scaled), -1, np.rint(scaled)).astype(int).tolist()
    return rounded


def _codes(values: Series[Any], categories: Sequence[str]) -> list[int]:
    import pandas as pd

    codes: list[int] = pd.Categorical(values, categories=list(categories)).codes.tolist()
    return codes


def _encode_segments(segments: DataFrame) -> dict[str, list[Any]]:
    probabilities = segments[[f"p_{emotion}" for emotion in EMOTIONS]].to_numpy(np.float64)
    permille = np.where(np.isnan(probabilities), -1, np.rint(1000 * probabilities)).astype(int)
    return {
        "role": _codes(segments["role"], ROLES),
        "channel": segments["channel"].astype(int).tolist(),
        "start": _scaled(segments["start_s"], 1000),
        "end": _scaled(segments["end_s"], 1000),
        "label": _codes(segments["emotion"], LABELS),
        "level": np.rint(10 * segments["level_dbfs"].to_numpy(np.float64)).astype(int).tolist(),
        "interrupts": segments["is_interruption"].fillna(False).astype(int).tolist(),
        "pitch": _tenths(segments["pitch_semitones"]),
        "loudness": _tenths(segments["loudness_db"]),
        "rate": _tenths(10 * segments["rate_ratio"].astype(float)),
        "probabilities": permille.ravel().tolist(),
    }


def _tenths(values: Series[Any]) -> list[int | None]:
    return [None if np.isnan(value) else round(10 * value) for value in values.to_numpy(np.float64).tolist()]


def _sparklines(segments: DataFrame, calls: Sequence[JsonRow]) -> dict[str, str]:
    """Return the sparkline of each call: see `CallDetail`."""
    numbers = {call["recording_id"]: number for number, call in enumerate(calls)}
    call = np.array([numbers.get(key, -1) for key in segments["recording_id"]], int)
    label = np.array(_codes(segments["emotion"], LABELS), int)
    counts = (call >= 0) & (label >= 0) & segments["is_customer"].fillna(False).to_numpy(bool)
    width = np.array([row["duration_s"] for row in calls], np.float64) / SPARKLINE_BINS
    cells = dominant_labels(
        call[counts],
        label[counts],
        segments["start_s"].to_numpy(np.float64)[counts],
        segments["end_s"].to_numpy(np.float64)[counts],
        width,
    )
    return {row["recording_id"]: "".join(map(_CELLS.__getitem__, cells[n])) for n, row in enumerate(calls)}


_CELLS = (*map(str, range(len(LABELS))), ".")


def dominant_labels(
    call: NDArray[np.int_],
    label: NDArray[np.int_],
    start_s: NDArray[np.float64],
    end_s: NDArray[np.float64],
    width_s: NDArray[np.float64],
) -> NDArray[np.int_]:
    """Divide each call into `SPARKLINE_BINS` cells, and return the label with the most speech in each cell.

    Parameters
    ----------
    call, label : ndarray of int, shape (segments,)
        Number of the call and of the label of each segment.
    start_s, end_s : ndarray of float, shape (segments,)
        Position of each segment in its call, in seconds.
    width_s : ndarray of float, shape (calls,)
        Duration of a cell in seconds, greater than 0.

    Returns
    -------
    ndarray of int, shape (calls, SPARKLINE_BINS)
        Labels. -1: speech in less than an eighth of the cell.

    Examples
    --------
    >>> first, last = np.array([0.0]), np.array([30.0])
    >>> dominant_labels(np.array([0]), np.array([4]), first, last, np.array([1.5]))[0, [0, 19, 20, 39]]
    array([ 4,  4, -1, -1])
    """
    width = width_s[call]
    first = np.clip((start_s / width).astype(int), 0, SPARKLINE_BINS - 1)
    last = np.clip((end_s / width).astype(int), 0, SPARKLINE_BINS - 1)
    count = np.maximum(last - first + 1, 0)
    segment = np.repeat(np.arange(len(call)), count)
    cell = first[segment] + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    overlap = np.minimum(end_s[segment], (cell + 1) * width[segment]) - np.maximum(
        start_s[segment], cell * width[segment]
    )
    shape = (len(width_s), SPARKLINE_BINS, len(LABELS))
    index = np.ravel_multi_index((call[segment], cell, label[segment]), shape)
    seconds = np.bincount(index, overlap, minlength=int(np.prod(shape))).reshape(shape)
    audible = seconds.max(axis=2) > width_s[:, None] / 8
    return np.where(audible, seconds.argmax(axis=2), -1)


def call_payload(detail: CallDetail, zone: tzinfo, audio: AudioSource) -> dict[str, Any]:
    """Encode one call.

    Parameters
    ----------
    detail : CallDetail
        The call and its segments.
    zone : tzinfo
        Zone of the time of day.
    audio : AudioSource
        Playable audio of the call.

    Returns
    -------
    dict
        JSON-serializable argument of the page's function `callmood.decodeCall`.
    """
    call = detail.call
    return {
        "id": detail.recording_id,
        "name": display_name(call),
        "day": call["call_date"].isoformat(),
        "time": time_of_day(call, zone),
        **{key: call[column] for key, column in CALL_COLUMNS.items()},
        "quarters": [call[f"negativity_q{quarter}"] for quarter in (1, 2, 3, 4)],
        "timeline": detail.timeline,
        "worstMoments": detail.worst_moments,
        "segments": detail.segments,
        "audioUrl": audio.url,
        "audioMessage": audio.message,
        "clips": [[round(1000 * clip.start_s), round(1000 * clip.end_s), clip.url] for clip in audio.clips],
    }
