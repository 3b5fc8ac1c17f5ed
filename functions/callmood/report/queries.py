"""What the page shows, asked of the views. Figures are defined in `schemas/views`, not here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

# So many calls are asked for at a time, in whole days: views read only the partitions of those days.
_BATCH_CALLS = 1000

_CALLS = """
SELECT c.*, r.bucket, r.object, r.container, r.codec
FROM calls AS c
JOIN recordings_current AS r ON r.call_date = c.call_date AND r.recording_id = c.recording_id
ORDER BY IFNULL(c.needs_attention, FALSE) DESC, IFNULL(c.negativity, -1) DESC, c.started_at DESC, c.recording_id
"""

# {which}: of which days, and of which recording if of one alone.
_SEGMENTS = """
SELECT
  s.recording_id, role, is_customer, start_s, end_s, emotion, level_dbfs,
  p_anger, p_disgust, p_fear, p_happiness, p_neutral, p_sadness, i.segment_id IS NOT NULL AS interrupts
FROM (SELECT * FROM segments_current WHERE {which}) AS s
LEFT JOIN (SELECT segment_id FROM interruptions WHERE {which}) AS i ON i.segment_id = s.segment_id
ORDER BY s.recording_id, start_s, channel
"""

_TIMELINE = """
SELECT recording_id, negativity
FROM call_timeline
WHERE is_customer AND {which}
ORDER BY recording_id, bin
"""

_MOMENTS = """
SELECT recording_id, start_s, end_s, emotion, probability
FROM worst_moments
WHERE rank_in_call <= 12 AND {which}
ORDER BY recording_id, start_s
"""


@dataclass(frozen=True)
class CallDetail:
    """What the page of one call rests on.

    Parameters
    ----------
    row : dict
        The call, as `calls_of` gives it.
    segments : list of dict
        Its rows of `segments_current`, by start, each with whether it ``interrupts``.
    negativity : list of float or None
        The customer's, by ten seconds, from the view `call_timeline`; None where the customer is silent.
    moments : list of dict
        Its rows of the view `worst_moments`, by start.
    """

    row: JsonRow
    segments: list[JsonRow]
    negativity: list[float | None]
    moments: list[JsonRow]

    @property
    def id(self) -> str:
        """The recording's id: the call's name in addresses and files."""
        return str(self.row["recording_id"])


def calls_of(warehouse: Warehouse) -> list[JsonRow]:
    """Every call, those that need attention first, worst first.

    Parameters
    ----------
    warehouse : Warehouse
        Where the rows are.

    Returns
    -------
    list of dict
        Rows of the view `calls`, with the recording's ``bucket``, ``object``, ``container`` and ``codec``.
    """
    return warehouse.query(_CALLS)


def details_of(warehouse: Warehouse, calls: Iterable[JsonRow]) -> Iterator[CallDetail]:
    """Calls in full, a stretch of days at a time: memory does not grow with the segments of the store.

    Parameters
    ----------
    warehouse : Warehouse
        Where the rows are.
    calls : iterable of dict
        Rows as `calls_of` gives them.

    Yields
    ------
    CallDetail
        By day.
    """
    for batch in _batches(calls):
        between = {"first": batch[0]["call_date"], "last": batch[-1]["call_date"]}
        yield from _details(warehouse, batch, "call_date BETWEEN @first AND @last", between)


def detail_of(warehouse: Warehouse, call: JsonRow) -> CallDetail:
    """One call in full.

    Parameters
    ----------
    warehouse : Warehouse
        Where the rows are.
    call : dict
        A row as `calls_of` gives it.
    """
    of_call = {"day": call["call_date"], "recording_id": call["recording_id"]}
    return next(_details(warehouse, [call], "call_date = @day AND recording_id = @recording_id", of_call))


def _batches(calls: Iterable[JsonRow]) -> Iterator[list[JsonRow]]:
    """Calls of whole days, about `_BATCH_CALLS` at a time, by day."""
    batch: list[JsonRow] = []
    for _, day in groupby(sorted(calls, key=_day), key=_day):
        batch += day
        if len(batch) >= _BATCH_CALLS:
            yield batch
            batch = []
    if batch:
        yield batch


def _day(call: JsonRow) -> date:
    day: date = call["call_date"]
    return day


def _details(
    warehouse: Warehouse, calls: Sequence[JsonRow], which: str, parameters: Mapping[str, object]
) -> Iterator[CallDetail]:
    segments, timeline, moments = (
        _by_call(warehouse.query(sql.format(which=which), parameters)) for sql in (_SEGMENTS, _TIMELINE, _MOMENTS)
    )
    for call in calls:
        key = call["recording_id"]
        negativity = [cell["negativity"] for cell in timeline.get(key, [])]
        yield CallDetail(call, segments.get(key, []), negativity, moments.get(key, []))


def _by_call(rows: Iterable[JsonRow]) -> dict[str, list[JsonRow]]:
    return {key: list(group) for key, group in groupby(rows, lambda row: str(row["recording_id"]))}
