"""Encode the insights for the index page."""

from __future__ import annotations

from typing import Any

from callmood.monitoring.insights import insight_filters, query_insights
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse


def insights_payload(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Query the insights and encode them.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.

    Returns
    -------
    list of dict
        JSON-serializable: ``sentence``, ``detail``, ``isWorse``, and ``filters``, the state of the page that selects
        the calls.
    """
    return [
        {
            "sentence": row["sentence"],
            "detail": _detail(row),
            "isWorse": row["difference"] > 0,
            "filters": insight_filters(row),
        }
        for row in query_insights(warehouse)
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
