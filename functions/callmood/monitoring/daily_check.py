"""Do calls still look like what the model knows, and how often is it right? Rows of `drift_checks`, a day at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import takewhile
from typing import Any

import numpy as np

from callmood import __version__
from callmood.analysis.rows import row_id
from callmood.monitoring.drift import COUNTS, MEANS, Reference, compare
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

_CALLS = "SELECT * FROM call_features WHERE call_date = @day ORDER BY recording_id"

_LABELS = """
SELECT model_version, recording_id, COUNT(*) AS labels, COUNTIF(is_correct) AS hits
FROM annotated_segments
WHERE sampling = 'random' AND is_correct IS NOT NULL
GROUP BY model_version, recording_id
ORDER BY model_version, recording_id
"""

_DAYS_BEFORE = """
SELECT call_date, LOGICAL_OR(is_drift) AS drifted
FROM drift_checks_current
WHERE model_version = @model_version AND queue IS NULL AND test != 'wilson' AND call_date < @day
GROUP BY call_date
ORDER BY call_date DESC
"""

_Z = 1.959964  # of a 95 % interval


def check_day(
    reports: Warehouse,
    day: date,
    reference_of: Callable[[str], Reference | None],
    *,
    min_calls_per_group: int,
    checked_at: datetime,
) -> list[JsonRow]:
    """Compare a day's calls with what the model knows, and the model with people.

    Parameters
    ----------
    reports : Warehouse
        Where the views are.
    day : date
        In the configured time zone.
    reference_of : callable
        From a model's version to its reference; None where there is none, and then its calls are not compared.
    min_calls_per_group : int
        A queue with fewer calls on the day has no rows of its own.
    checked_at : datetime
        Now, with its time zone.

    Returns
    -------
    list of dict
        Rows of `drift_checks`: by model version, for all calls (`queue` is None) and for each queue.
    """
    groups: dict[tuple[str, str | None], list[JsonRow]] = defaultdict(list)
    for call in reports.query(_CALLS, {"day": day}):
        groups[call["model_version"], None].append(call)
        if call["queue"] is not None:
            groups[call["model_version"], call["queue"]].append(call)
    references = {version: reference_of(version) for version, _ in groups}
    groups = {
        (version, queue): calls
        for (version, queue), calls in groups.items()
        if references[version] and (queue is None or len(calls) >= min_calls_per_group)
    }
    tests = len(groups) * (len(MEANS) + len(COUNTS))
    rows = []
    for (version, queue), calls in sorted(groups.items(), key=lambda group: (group[0][0], group[0][1] or "")):
        reference = references[version]
        assert reference is not None
        rows += [
            _row(
                day,
                version,
                queue,
                finding.metric,
                finding.test,
                checked_at,
                statistic=round(finding.statistic, 4),
                threshold=round(finding.threshold, 4),
                is_drift=finding.is_drift,
                calls=len(calls),
                segments=sum(call["segments"] for call in calls),
                reference=reference.id,
            )
            for finding in compare(calls, reference, tests)
        ]
    return rows + _accuracies(reports, day, checked_at)


def _accuracies(reports: Warehouse, day: date, checked_at: datetime) -> list[JsonRow]:
    """How often each version was right, on all that was drawn by chance and labeled so far."""
    by_version: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for call in reports.query(_LABELS):
        by_version[call["model_version"]].append((call["hits"], call["labels"]))
    rows = []
    for version, calls in by_version.items():
        share, low, high = accuracy(calls)
        rows.append(
            _row(
                day,
                version,
                None,
                "accuracy",
                "wilson",
                checked_at,
                statistic=round(share, 4),
                is_drift=False,
                low=round(low, 4),
                high=round(high, 4),
                calls=len(calls),
                segments=sum(labels for _, labels in calls),
            )
        )
    return rows


def accuracy(calls: Sequence[tuple[int, int]]) -> tuple[float, float, float]:
    """Share of labeled segments that the model heard as people did, with its 95 % interval.

    Wilson's interval (Journal of the American Statistical Association, 1927) for as many independent segments as would
    vary as much: those of one call are alike (Kish's design effect).

    Parameters
    ----------
    calls : sequence of (int, int)
        Right ones and labeled ones of each call, at least one of them.

    Returns
    -------
    tuple of float
        (share, low, high), 0 to 1.

    Examples
    --------
    >>> [round(value, 2) for value in accuracy([(1, 1)] * 8 + [(0, 1)] * 2)]
    [0.8, 0.49, 0.94]
    """
    hits, labels = np.array(calls, np.float64).T
    n = labels.sum()
    share = hits.sum() / n
    if 0 < share < 1:
        variance = np.square(hits - share * labels).sum() / n**2
        n = min(n, share * (1 - share) / variance)
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return float(share), float(max(0.0, middle - half)), float(min(1.0, middle + half))


def drifting(rows: Iterable[JsonRow]) -> dict[str, list[str]]:
    """Figures of all calls of the day that drift, by model version."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["is_drift"] and row["queue"] is None:
            found[row["model_version"]].append(row["metric"])
    return dict(found)


def days_of_drift(reports: Warehouse, day: date, model_version: str) -> int:
    """On how many days in a row, this one included, calls have drifted; days without calls do not count.

    Parameters
    ----------
    reports : Warehouse
        Where the earlier days' checks are.
    day : date
        A day with drift.
    model_version : str
        The model that judged its calls.
    """
    before = reports.query(_DAYS_BEFORE, {"day": day, "model_version": model_version})
    return 1 + sum(1 for _ in takewhile(lambda row: row["drifted"], before))


def retrain_message(day: date, model_version: str, metrics: Sequence[str]) -> dict[str, Any]:
    """What the topic is told that starts training.

    Examples
    --------
    >>> retrain_message(date(2026, 11, 20), "f305841e9432", ["embedding_proj_2", "noise_db"])
    {'reason': 'drift', 'day': '2026-11-20', 'model_version': 'f305841e9432', 'metrics': ['embedding_proj_2', 'noise_db']}
    """
    return {"reason": "drift", "day": day.isoformat(), "model_version": model_version, "metrics": sorted(metrics)}


def _row(
    day: date, model_version: str, queue: str | None, metric: str, test: str, checked_at: datetime, **found: Any
) -> JsonRow:
    return {
        "check_id": row_id(day, model_version, queue, metric, test),
        "call_date": day.isoformat(),
        "model_version": model_version,
        "queue": queue,
        "metric": metric,
        "test": test,
        **found,
        "software_version": __version__,
        "checked_at": checked_at.isoformat(),
    }
