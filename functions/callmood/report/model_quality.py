"""What the first page says of the model: whether calls still look like what it knows, and how often it is right."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

ASPECTS = {
    "loudness": ("level_dbfs", "levels"),
    "noise": ("noise_db",),
    "length": ("segment_s", "durations"),
    "voices": tuple(f"embedding_proj_{i}" for i in range(1, 9)),
    "confidence": ("confidence", "confidences"),
    "emotions": ("emotions",),
}
"""dict of str to tuple of str: what people would call the figures of `drift_checks`."""

_DAYS = 28

_CHECKS = """
SELECT call_date, model_version, queue, figure, test, statistic, low, high, segments, is_drift, threshold_ratio
FROM drift_checks_current
ORDER BY call_date, model_version, queue, figure
"""


@dataclass(frozen=True)
class Health:
    """The checks of the last four weeks.

    Parameters
    ----------
    day : date
        The last day that was checked.
    drifts : list of str
        What has drifted on that day, in words: ``noise``, or ``noise (billing)`` for a queue.
    accuracies : list of dict
        Rows of the view `drift_checks_current`, one a model version: how often it was right, the newest.
    chart : list of dict
        JSON-able: ``day``, ``aspect`` and the largest ``share`` of its alarm's limit, over all calls of the day.
    """

    day: date
    drifts: list[str]
    accuracies: list[JsonRow]
    chart: list[dict[str, Any]]


def health_of(warehouse: Warehouse) -> Health | None:
    """Read the checks; None where there is none yet.

    Parameters
    ----------
    warehouse : Warehouse
        Where the rows are.
    """
    rows = warehouse.query(_CHECKS)
    aspect_of = {figure: aspect for aspect, figures in ASPECTS.items() for figure in figures}
    checks = [row for row in rows if row["figure"] in aspect_of]
    if not checks:
        return None
    days = sorted({row["call_date"] for row in checks})[-_DAYS:]
    shares: dict[tuple[date, str], float] = defaultdict(float)
    for row in checks:
        if row["queue"] is None and row["call_date"] in days:
            key = row["call_date"], aspect_of[row["figure"]]
            shares[key] = max(shares[key], row["threshold_ratio"])
    drifted = {
        (aspect_of[row["figure"]], row["queue"]) for row in checks if row["is_drift"] and row["call_date"] == days[-1]
    }
    return Health(
        day=days[-1],
        drifts=[aspect if queue is None else f"{aspect} ({queue})" for aspect, queue in sorted(drifted, key=str)],
        accuracies=list({row["model_version"]: row for row in rows if row["test"] == "wilson"}.values()),
        chart=[
            {"day": day.isoformat(), "aspect": aspect, "share": round(shares[day, aspect], 3)}
            for aspect in ASPECTS
            for day in days
            if (day, aspect) in shares
        ],
    )
