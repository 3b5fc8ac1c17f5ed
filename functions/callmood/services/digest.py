"""The weekly digest: what the calls of a week were like, and the insights, as one message."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from callmood.monitoring.insights import insight_filters, query_insights
from callmood.services.publish import Message, empty_message
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

_WEEK = """
SELECT
  COUNT(*) AS calls,
  COUNTIF(needs_attention) AS attention_calls,
  SUM(negative_s) / NULLIF(SUM(customer_emotion_s), 0) AS negativity
FROM calls
WHERE call_date BETWEEN @first AND @last
"""


def weekly_digest(warehouse: Warehouse, last: date, min_calls_per_group: int) -> dict[str, Any]:
    """Summarize the seven days that end on a day.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    last : date
        Last day of the week.
    min_calls_per_group : int
        Minimum number of calls of a week with metrics.

    Returns
    -------
    dict
        JSON-serializable: ``first_day``, ``last_day``, ``calls``, ``attention_calls``, ``negativity``, ``before`` (the
        same metrics of the week before), ``insights`` (rows of the view, with the ``filters`` of the report page), and
        ``text``. Metrics of few calls are None.
    """
    first = last - timedelta(days=6)
    now = _query_week(warehouse, first, min_calls_per_group)
    digest = {
        "type": "digest",
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        **now,
        "before": _query_week(warehouse, first - timedelta(days=7), min_calls_per_group),
        "insights": [
            {"sentence": row["sentence"], "difference": row["difference"], "filters": insight_filters(row)}
            for row in query_insights(warehouse, min_calls_per_group, last=last)
        ],
    }
    return {**digest, "text": digest_text(digest)}


def _query_week(warehouse: Warehouse, first: date, min_calls_per_group: int) -> JsonRow:
    [row] = warehouse.query(_WEEK, {"first": first, "last": first + timedelta(days=6)})
    if row["calls"] < min_calls_per_group:
        return {**dict.fromkeys(row), "calls": row["calls"]}
    return row


def digest_text(digest: dict[str, Any]) -> str:
    """Return the digest in words, one fact per line.

    Parameters
    ----------
    digest : dict
        Result of `weekly_digest`.

    Examples
    --------
    >>> week = {"calls": 1200, "attention_calls": 96, "negativity": 0.193}
    >>> days = {"first_day": "2026-11-09", "last_day": "2026-11-15"}
    >>> digest = {**days, **week, "before": {**week, "calls": 1000}, "insights": [{"sentence": "billing: …"}]}
    >>> print(digest_text(digest))
    Calls from 2026-11-09 to 2026-11-15: 1,200 (1,000 in the week before).
    Needs review: 96 calls (8.0%, 9.6% in the week before).
    Negative: 19.3% (19.3% in the week before).
    billing: …
    """
    before = digest["before"]
    lines = [
        f"Calls from {digest['first_day']} to {digest['last_day']}: {digest['calls']:,} "
        f"({before['calls']:,} in the week before)."
    ]
    if digest["attention_calls"] is not None:
        shares = _compare(_share(digest), _share(before))
        lines.append(f"Needs review: {digest['attention_calls']:,} calls ({shares}).")
    if digest["negativity"] is not None:
        now, previous = f"{digest['negativity']:.1%}", before["negativity"]
        lines.append(f"Negative: {now}" + ("." if previous is None else f" ({previous:.1%} in the week before)."))
    sentences = [insight["sentence"] for insight in digest["insights"]]
    return "\n".join([*lines, *(sentences or ["Nothing changed clearly in the last eight weeks."])])


def _share(week: JsonRow) -> float | None:
    count = week["attention_calls"]
    return None if count is None else count / week["calls"]


def _compare(now: float | None, before: float | None) -> str:
    return f"{now:.1%}" if before is None else f"{now:.1%}, {before:.1%} in the week before"


def digest_id(digest: dict[str, Any]) -> str:
    """Return the ID of a digest: receivers drop a second delivery of the same week."""
    return f"digest-{digest['last_day']}"


def digest_message(digest: dict[str, Any]) -> Message:
    """Return the digest as a message of the results topic, whose other fields are empty.

    Parameters
    ----------
    digest : dict
        Result of `weekly_digest`.
    """
    return {**empty_message(), "analysis_id": digest_id(digest), "digest": json.dumps(digest)}
