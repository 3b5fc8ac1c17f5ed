"""What `monitor` found, as metrics in Cloud Monitoring: dashboards draw them, alert policies watch them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.cloud.monitoring_v3 import MetricServiceClient
from google.cloud.monitoring_v3.types import TimeSeries

from callmood.types import JsonRow

_AT_ONCE = 200  # time series a request may have: https://cloud.google.com/monitoring/quotas


def publish(client: MetricServiceClient, project: str, prefix: str, rows: Sequence[JsonRow], at: datetime) -> None:
    """Write one point for each check: how near it is to an alarm, or how often the model was right.

    Parameters
    ----------
    client : MetricServiceClient
        The client.
    project : str
        Whose metrics they are.
    prefix : str
        Such as ``custom.googleapis.com/callmood``; ``/threshold_ratio`` (above 1 is drift) and ``/accuracy`` follow.
    rows : sequence of dict
        Rows of `drift_checks`.
    at : datetime
        Now, with its time zone: Cloud Monitoring takes no points of days ago.

    Raises
    ------
    google.api_core.exceptions.GoogleAPIError
        Cloud Monitoring did not take them.
    """
    series = [_series(prefix, row, at) for row in rows]
    for first in range(0, len(series), _AT_ONCE):
        client.create_time_series(name=f"projects/{project}", time_series=series[first : first + _AT_ONCE])


def _series(prefix: str, row: JsonRow, at: datetime) -> TimeSeries:
    labels = {"model_version": row["model_version"], "queue": row["queue"] or ""}
    if row["test"] == "wilson":
        kind, value = "accuracy", row["statistic"]
    else:
        kind, value = "threshold_ratio", row["statistic"] / row["threshold"]
        labels["metric"] = row["metric"]
    return TimeSeries(
        {
            "metric": {"type": f"{prefix}/{kind}", "labels": labels},
            "resource": {"type": "global"},
            "points": [{"interval": {"end_time": at}, "value": {"double_value": value}}],
        }
    )
