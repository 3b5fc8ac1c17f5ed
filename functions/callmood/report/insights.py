"""Encode the insights for the index page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from callmood.monitoring.insights import insight_filters, query_insights
from callmood.report.batches import Batch
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

_COMPARABLE_DAYS = 14


def insights_payload(
    warehouse: Warehouse,
    batches: Sequence[Batch],
    min_calls_per_group: int,
    first: date = date.min,
    last: date = date.max,
) -> list[dict[str, Any]] | None:
    """Query the insights and encode them.

    Parameters
    ----------
    warehouse, min_calls_per_group, first, last
        As in `query_insights`.
    batches : sequence of Batch
        Those of the period, oldest first.

    Returns
    -------
    list of dict, or None
        JSON-serializable: ``sentence``, ``detail``, ``isWorse``, and ``filters``, the state of the page that selects
        the calls. None: the calls are of less than two weeks, so nothing can be compared.
    """
    if not batches or (batches[-1].last - batches[0].first).days < _COMPARABLE_DAYS - 1:
        return None
    return [
        {
            "sentence": row["sentence"],
            "detail": _detail(row),
            "isWorse": row["difference"] > 0,
            "filters": insight_filters(row),
        }
        for row in query_insights(warehouse, min_calls_per_group, first, last)
    ]


def _detail(row: JsonRow) -> str:
    """Return the numbers of calls and the interval of the difference.

    Examples
    --------
    >>> _detail({"calls": 417, "reference_calls": 1250, "corrected_low": 0.0622, "corrected_high": 0.138})
    '417 calls against 1,250; difference of 6.2 to 13.8 points, corrected for the number of comparisons'
    """
    low, high = 100 * row["corrected_low"], 100 * row["corrected_high"]
    return (
        f"{row['calls']:,} calls against {row['reference_calls']:,}; difference of {low:.1f} to {high:.1f} points, "
        "corrected for the number of comparisons"
    )
