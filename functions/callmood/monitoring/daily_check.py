"""Check the calls of a day for drift, and measure the model's accuracy: rows of `drift_checks`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Any

import numpy as np

from callmood import __version__
from callmood.analysis.rows import row_id
from callmood.monitoring.drift import COUNT_METRICS, MEAN_METRICS, Reference, compare
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

_CALLS = "SELECT * FROM call_features WHERE call_date = @day ORDER BY recording_id"

_ANNOTATIONS = """
SELECT model_version, recording_id, COUNTIF(is_correct) AS correct, COUNT(*) AS annotated
FROM annotated_segments
WHERE call_date >= @first AND call_date <= @day AND sampling = 'random' AND is_correct IS NOT NULL
GROUP BY model_version, recording_id
ORDER BY model_version, recording_id
"""

_EARLIER_DAYS = """
SELECT call_date, LOGICAL_OR(is_drift) AS has_drift
FROM drift_checks_current
WHERE call_date >= @first AND call_date < @day
  AND model_version = @model_version AND queue IS NULL AND test != 'wilson'
GROUP BY call_date
ORDER BY call_date DESC
"""

# BigQuery bills every day that a query reads. Segments take far more bytes than checks.
_ACCURACY_PERIOD = timedelta(days=90)
_DRIFT_PERIOD = timedelta(days=365)

_Z = 1.959964  # of a 95 % interval


def check_day(
    warehouse: Warehouse,
    day: date,
    load_reference: Callable[[str], Reference | None],
    *,
    min_calls_per_group: int,
    checked_at: datetime,
) -> list[JsonRow]:
    """Compare the calls of a day with the model's reference, and predictions with annotations.

    Parameters
    ----------
    warehouse : Warehouse
        Warehouse with the views.
    day : date
        Day in the configured time zone, in 1970 or later.
    load_reference : callable
        Returns the reference of a model version. Without one, it returns None, and the calls are not compared.
    min_calls_per_group : int
        Minimum number of calls of a queue on the day for rows about this queue.
    checked_at : datetime
        Current time with its time zone.

    Returns
    -------
    list of dict
        Rows of `drift_checks` by model version, for all calls (`queue` is None) and for each queue.
    """
    groups: dict[tuple[str, str | None], list[JsonRow]] = defaultdict(list)
    for call in warehouse.query(_CALLS, {"day": day}):
        groups[call["model_version"], None].append(call)
        if call["queue"] is not None:
            groups[call["model_version"], call["queue"]].append(call)
    references = {version: load_reference(version) for version, _ in groups}
    groups = {
        (version, queue): calls
        for (version, queue), calls in groups.items()
        if references[version] and (queue is None or len(calls) >= min_calls_per_group)
    }
    tests = len(groups) * (len(MEAN_METRICS) + len(COUNT_METRICS))
    rows = []
    for (version, queue), calls in sorted(groups.items(), key=lambda group: (group[0][0], group[0][1] or "")):
        reference = references[version]
        assert reference is not None
        rows += [
            _row(
                day,
                version,
                queue,
                result.metric,
                result.test,
                checked_at,
                statistic=round(result.statistic, 4),
                threshold=round(result.threshold, 4),
                is_drift=result.is_drift,
                calls=len(calls),
                segments=sum(call["segments"] for call in calls),
                reference=reference.id,
            )
            for result in compare(calls, reference, tests)
        ]
    return rows + _accuracy_rows(warehouse, day, checked_at)


def _accuracy_rows(warehouse: Warehouse, day: date, checked_at: datetime) -> list[JsonRow]:
    """Return one row per model version, over the randomly sampled, annotated segments of the 90 days up to this day."""
    by_version: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for call in warehouse.query(_ANNOTATIONS, {"first": day - _ACCURACY_PERIOD, "day": day}):
        by_version[call["model_version"]].append((call["correct"], call["annotated"]))
    rows = []
    for version, calls in by_version.items():
        accuracy, low, high = accuracy_interval(calls)
        rows.append(
            _row(
                day,
                version,
                None,
                "accuracy",
                "wilson",
                checked_at,
                statistic=round(accuracy, 4),
                is_drift=False,
                low=round(low, 4),
                high=round(high, 4),
                calls=len(calls),
                segments=sum(annotated for _, annotated in calls),
            )
        )
    return rows


def accuracy_interval(calls: Sequence[tuple[int, int]]) -> tuple[float, float, float]:
    """Return the accuracy on annotated segments with its 95 % interval.

    The interval is Wilson's (Journal of the American Statistical Association, 1927) for the effective number of
    segments, because segments of a call are similar (Kish's design effect).

    Parameters
    ----------
    calls : sequence of (int, int)
        Number of correct and of annotated segments of each call, at least one call.

    Returns
    -------
    tuple of float
        (accuracy, low, high), 0 to 1.

    Examples
    --------
    >>> [round(value, 2) for value in accuracy_interval([(1, 1)] * 8 + [(0, 1)] * 2)]
    [0.8, 0.49, 0.94]
    """
    correct, annotated = np.array(calls, np.float64).T
    n = annotated.sum()
    accuracy = correct.sum() / n
    if 0 < accuracy < 1:
        variance = np.square(correct - accuracy * annotated).sum() / n**2
        n = min(n, accuracy * (1 - accuracy) / variance)
    center = (accuracy + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(accuracy * (1 - accuracy) / n + _Z**2 / (4 * n**2))
    return float(accuracy), float(max(0.0, center - half)), float(min(1.0, center + half))


def drifted_metrics(rows: Iterable[JsonRow]) -> dict[str, list[str]]:
    """Return the metrics with drift over all calls of the day, by model version."""
    metrics: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["is_drift"] and row["queue"] is None:
            metrics[row["model_version"]].append(row["metric"])
    return dict(metrics)


def count_drift_days(warehouse: Warehouse, day: date, model_version: str) -> int:
    """Return the number of consecutive days with drift, including this day. Days without calls do not count.

    Parameters
    ----------
    warehouse : Warehouse
        Warehouse with the checks of earlier days.
    day : date
        A day with drift. The days of the year before it are counted.
    model_version : str
        Model version of the checks.
    """
    earlier_days = warehouse.query(
        _EARLIER_DAYS, {"first": day - _DRIFT_PERIOD, "day": day, "model_version": model_version}
    )
    return 1 + sum(1 for _ in takewhile(lambda row: row["has_drift"], earlier_days))


def retraining_message(day: date, model_version: str, metrics: Sequence[str]) -> dict[str, Any]:
    """Return the message that requests retraining.

    Examples
    --------
    >>> retraining_message(date(2026, 11, 20), "f305841e9432", ["noise_db", "emotions"])
    {'reason': 'drift', 'day': '2026-11-20', 'model_version': 'f305841e9432', 'metrics': ['emotions', 'noise_db']}
    """
    return {"reason": "drift", "day": day.isoformat(), "model_version": model_version, "metrics": sorted(metrics)}


def _row(
    day: date, model_version: str, queue: str | None, metric: str, test: str, checked_at: datetime, **result: Any
) -> JsonRow:
    return {
        "check_id": row_id(day, model_version, queue, metric, test),
        "call_date": day.isoformat(),
        "model_version": model_version,
        "queue": queue,
        "metric": metric,
        "test": test,
        **result,
        "software_version": __version__,
        "checked_at": checked_at.isoformat(),
    }
