"""Insights: the clearest changes and concentrations of a warehouse, as rows of the view `insights`."""

from __future__ import annotations

from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

# The report page and the digest show at most three sentences.
_INSIGHTS = """
SELECT *
FROM insights
WHERE insight_rank <= 3
ORDER BY insight_rank
"""


def query_insights(warehouse: Warehouse) -> list[JsonRow]:
    """Query the first three insights.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows. The view reads the last eight weeks.

    Returns
    -------
    list of dict
        Rows of the view `insights`, by rank.
    """
    return warehouse.query(_INSIGHTS)


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
