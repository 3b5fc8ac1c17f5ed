"""Read the rows of the report from the views in `schemas/views`, which define all metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

# Minimum calls per batch. A batch has whole days, because the views read only the partitions of the requested days.
_BATCH_CALLS = 1000

_CALLS = """
SELECT c.*, r.bucket, r.object, r.container, r.codec
FROM calls AS c
JOIN recordings_current AS r ON r.call_date = c.call_date AND r.recording_id = c.recording_id
WHERE c.call_date >= @first AND r.call_date >= @first
ORDER BY IFNULL(c.needs_attention, FALSE) DESC, IFNULL(c.negativity, -1) DESC, c.started_at DESC, c.recording_id
"""

# {condition}: selects a range of days, or one recording.
_SEGMENTS = """
SELECT
  s.recording_id, role, is_customer, start_s, end_s, emotion, level_dbfs,
  p_anger, p_disgust, p_fear, p_happiness, p_neutral, p_sadness, i.segment_id IS NOT NULL AS interrupts
FROM (SELECT * FROM segments_current WHERE {condition}) AS s
LEFT JOIN (SELECT segment_id FROM interruptions WHERE {condition}) AS i ON i.segment_id = s.segment_id
ORDER BY s.recording_id, start_s, channel
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
ORDER BY recording_id, start_s
"""


@dataclass(frozen=True)
class CallDetail:
    """Rows of one call.

    Parameters
    ----------
    call : dict
        The row of `query_calls`.
    segments : list of dict
        Rows of `segments_current`, ordered by start. ``interrupts`` marks interruptions.
    timeline : list of float or None
        Customer negativity, 0 to 1, per bin of 10 s, from the view `call_timeline`. None: no customer speech.
    worst_moments : list of dict
        Rows of the view `worst_moments`, ordered by start.
    """

    call: JsonRow
    segments: list[JsonRow]
    timeline: list[float | None]
    worst_moments: list[JsonRow]

    @property
    def recording_id(self) -> str:
        """Identify the call in addresses and file names."""
        return str(self.call["recording_id"])


def query_calls(warehouse: Warehouse, first: date = date.min) -> list[JsonRow]:
    """Query calls: those that need attention first, then by descending negativity.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    first : date
        First day of the calls; default: all days.

    Returns
    -------
    list of dict
        Rows of the view `calls`, with ``bucket``, ``object``, ``container``, and ``codec`` of the recording.
    """
    return warehouse.query(_CALLS, {"first": first})


def query_call_details(warehouse: Warehouse, calls: Iterable[JsonRow]) -> Iterator[CallDetail]:
    """Query the details of calls in batches of days, so that memory does not grow with the store.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    calls : iterable of dict
        Rows of `query_calls`.

    Yields
    ------
    CallDetail
        One per call, ordered by day.
    """
    for batch in _batches(calls):
        days = {"first": batch[0]["call_date"], "last": batch[-1]["call_date"]}
        yield from _query_details(warehouse, batch, "call_date BETWEEN @first AND @last", days)


def query_call_detail(warehouse: Warehouse, call: JsonRow) -> CallDetail:
    """Query the details of one call.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    call : dict
        A row of `query_calls`.
    """
    key = {"day": call["call_date"], "recording_id": call["recording_id"]}
    return next(_query_details(warehouse, [call], "call_date = @day AND recording_id = @recording_id", key))


def count_failures(warehouse: Warehouse) -> int:
    """Count the recordings that could not be analyzed."""
    return int(warehouse.query("SELECT COUNT(*) AS n FROM failures_current")[0]["n"])


def _batches(calls: Iterable[JsonRow]) -> Iterator[list[JsonRow]]:
    """Group calls into batches of whole days with at least `_BATCH_CALLS` calls, ordered by day."""
    batch: list[JsonRow] = []
    for _, calls_of_day in groupby(sorted(calls, key=_call_date), key=_call_date):
        batch += calls_of_day
        if len(batch) >= _BATCH_CALLS:
            yield batch
            batch = []
    if batch:
        yield batch


def _call_date(call: JsonRow) -> date:
    call_date: date = call["call_date"]
    return call_date


def _query_details(
    warehouse: Warehouse, calls: Sequence[JsonRow], condition: str, parameters: Mapping[str, object]
) -> Iterator[CallDetail]:
    segments, timeline, worst_moments = (
        _group_by_recording(warehouse.query(sql.format(condition=condition), parameters))
        for sql in (_SEGMENTS, _TIMELINE, _WORST_MOMENTS)
    )
    for call in calls:
        key = call["recording_id"]
        negativity = [row["negativity"] for row in timeline.get(key, [])]
        yield CallDetail(call, segments.get(key, []), negativity, worst_moments.get(key, []))


def _group_by_recording(rows: Iterable[JsonRow]) -> dict[str, list[JsonRow]]:
    return {key: list(group) for key, group in groupby(rows, lambda row: str(row["recording_id"]))}
