"""Insights: the clearest changes and concentrations of a warehouse, as rows of the view `insights`."""

from __future__ import annotations

from datetime import date

from callmood.resources import SCHEMAS
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse
from callmood.warehouse.dialect import view_until

# The report page and the digest show at most three sentences.
_INSIGHTS = """
SELECT *
FROM {source}
WHERE insight_rank IS NOT NULL
  AND DATE_SUB(last_day, INTERVAL IF(kind = 'change', 14 * weeks, 56) - 1 DAY) >= @first
ORDER BY insight_rank
LIMIT 3
"""


def query_insights(
    warehouse: Warehouse, min_calls_per_group: int, first: date = date.min, last: date = date.max
) -> list[JsonRow]:
    """Query the first three insights.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    min_calls_per_group : int
        Minimum number of calls on both sides of a comparison.
    first : date
        First day of the period. Comparisons with calls before this day are left out.
    last : date
        Last day of the period; default: that of the view `insights`. The view reads the eight weeks that end on it.

    Returns
    -------
    list of dict
        Rows of the view `insights`, by rank.
    """
    source = "insights"
    if last != date.max:
        template = (SCHEMAS / "views/insights.sql").read_text(encoding="utf-8")
        source = f"({view_until(template, last, min_calls_per_group)})"
    return warehouse.query(_INSIGHTS.format(source=source), {"first": first})


def insight_filters(row: JsonRow) -> dict[str, str]:
    """Return the filters of the report page that select the calls of an insight.

    Parameters
    ----------
    row : dict
        Row of the view `insights`.

    Returns
    -------
    dict of str to str
        Keys and values of the address of the page.

    Examples
    --------
    >>> from datetime import date
    >>> days = {"first_day": date(2026, 9, 21), "last_day": date(2026, 11, 15)}
    >>> hours = {"queue": "deliveries", "weekday": 1, "first_hour": 9, "last_hour": 11}
    >>> insight_filters({"dimension": "time", "value": "", **days, **hours})
    {'from': '2026-09-21', 'to': '2026-11-15', 'queue': 'deliveries', 'weekday': '1', 'hour': '9-11'}
    """
    filters = {"from": row["first_day"].isoformat(), "to": row["last_day"].isoformat()}
    if row["dimension"] in ("direction", "language", "label"):
        filters[row["dimension"]] = row["value"]
    if row["queue"] is not None:
        filters["queue"] = row["queue"]
    if row["weekday"] is not None:
        filters["weekday"] = str(row["weekday"])
    if row["first_hour"] is not None:
        filters["hour"] = f"{row['first_hour']}-{row['last_hour']}"
    return filters
