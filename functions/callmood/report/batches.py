"""Divide the calls of a report into batches of whole days, because the views read only the partitions of those days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

# A batch ends after the day on which it reaches one of these numbers. A batch of segments needs about 200 MB.
_BATCH_CALLS = 4000
_BATCH_SEGMENTS = 200_000

DAYS = "call_date BETWEEN @first AND @last"
"""str: condition of the calls of a batch, with the parameters `Batch.days`."""

_DAYS = f"""
SELECT
  call_date,
  COUNT(*) AS calls,
  SUM(segment_count) AS segments,
  COUNTIF(population_version IS NULL) AS without_population,
  SUM(UNIX_MILLIS(analyzed_at)) AS analyses,
  (SELECT COUNT(*) FROM call_details) AS details
FROM recordings_current
WHERE {DAYS}
GROUP BY call_date
ORDER BY call_date
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class Batch:
    """Calls of some consecutive days.

    Parameters
    ----------
    first, last : date
        First and last day.
    calls, segments : int
        Number of calls and of their segments.
    without_population : int
        Number of calls that were analyzed without a population of callers.
    version : str
        Changes when the calls of these days change, by other analyses, erasures, or releases, and when any details are
        loaded.
    """

    first: date
    last: date
    calls: int
    segments: int
    without_population: int
    version: str

    @property
    def name(self) -> str:
        """Identify the batch in file names and addresses. It stays the same when later days are added."""
        return self.first.isoformat()

    @property
    def days(self) -> dict[str, object]:
        """Return the parameters of a query that filters by `DAYS`."""
        return {"first": self.first, "last": self.last}


def query_batches(warehouse: Warehouse, first: date = date.min, last: date = date.max) -> list[Batch]:
    """Query the days that have calls, and group them.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    first, last : date
        Period; default: all days.

    Returns
    -------
    list of Batch
        Oldest first.
    """
    return list(_group(warehouse.query(_DAYS, {"first": first, "last": last})))


def _group(days: Iterable[JsonRow]) -> Iterable[Batch]:
    group: list[JsonRow] = []
    for day in days:
        group.append(day)
        if _total(group, "calls") >= _BATCH_CALLS or _total(group, "segments") >= _BATCH_SEGMENTS:
            yield _batch(group)
            group = []
    if group:
        yield _batch(group)


def _batch(group: list[JsonRow]) -> Batch:
    calls, last = _total(group, "calls"), group[-1]["call_date"]
    return Batch(
        first=group[0]["call_date"],
        last=last,
        calls=calls,
        segments=_total(group, "segments"),
        without_population=_total(group, "without_population"),
        version=f"{last}-{calls}-{_total(group, 'analyses')}-{group[-1]['details']}",
    )


def _total(group: list[JsonRow], column: str) -> int:
    return sum(day[column] or 0 for day in group)
