"""Summarize drift checks and measured accuracy for the index page."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

METRIC_GROUPS = {
    "loudness": ("level_dbfs", "levels"),
    "noise": ("noise_db",),
    "duration": ("segment_s", "durations"),
    "embeddings": tuple(f"embedding_proj_{i}" for i in range(1, 9)),
    "confidence": ("confidence", "confidences"),
    "emotions": ("emotions",),
}
"""dict of str to tuple of str: metrics of `drift_checks` by the group under which the page shows them."""

_MAX_DAYS = 28

_DRIFT_CHECKS = """
SELECT call_date, model_version, queue, metric, test, statistic, low, high, segments, is_drift, threshold_ratio
FROM drift_checks_current
WHERE call_date >= @first
ORDER BY call_date, model_version, queue, metric
"""


@dataclass(frozen=True)
class ModelQuality:
    """Drift checks of the last 28 checked days, and measured accuracy.

    Parameters
    ----------
    day : date
        The last checked day.
    drifts : list of str
        Metric groups that drifted on that day: ``noise``, or ``noise (billing)`` for a queue.
    accuracies : list of dict
        The latest accuracy of each model version, as rows of the view `drift_checks_current`.
    chart : list of dict
        JSON-serializable: ``day``, ``group``, and the greatest ``thresholdRatio`` of the group over all calls of the
        day.
    """

    day: date
    drifts: list[str]
    accuracies: list[JsonRow]
    chart: list[dict[str, Any]]


def query_model_quality(warehouse: Warehouse, first: date = date.min) -> ModelQuality | None:
    """Query the drift checks. Return None if the store has none.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    first : date
        First day of the checks; default: all days.
    """
    rows = warehouse.query(_DRIFT_CHECKS, {"first": first})
    group_of = {metric: group for group, metrics in METRIC_GROUPS.items() for metric in metrics}
    checks = [row for row in rows if row["metric"] in group_of]
    if not checks:
        return None
    days = sorted({row["call_date"] for row in checks})[-_MAX_DAYS:]
    ratios: dict[tuple[date, str], float] = defaultdict(float)
    for row in checks:
        if row["queue"] is None and row["call_date"] in days:
            key = row["call_date"], group_of[row["metric"]]
            ratios[key] = max(ratios[key], row["threshold_ratio"] or 0.0)
    drifted = {
        (group_of[row["metric"]], row["queue"]) for row in checks if row["is_drift"] and row["call_date"] == days[-1]
    }
    return ModelQuality(
        day=days[-1],
        drifts=[group if queue is None else f"{group} ({queue})" for group, queue in sorted(drifted, key=str)],
        accuracies=list({row["model_version"]: row for row in rows if row["test"] == "wilson"}.values()),
        chart=[
            {"day": day.isoformat(), "group": group, "thresholdRatio": round(ratios[day, group], 3)}
            for group in METRIC_GROUPS
            for day in days
            if (day, group) in ratios
        ],
    )
