"""Write the results of drift checks to Cloud Monitoring, for dashboards and alert policies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.cloud.monitoring_v3 import MetricServiceClient
from google.cloud.monitoring_v3.types import TimeSeries

from callmood.types import JsonRow

_SERIES_PER_REQUEST = 200  # https://cloud.google.com/monitoring/quotas


def publish_metrics(
    client: MetricServiceClient, project: str, prefix: str, rows: Sequence[JsonRow], at: datetime
) -> None:
    """Write one point per check: the threshold ratio of a metric, or the accuracy.

    Parameters
    ----------
    client : MetricServiceClient
        Client of Cloud Monitoring.
    project : str
        Project that stores the metrics.
    prefix : str
        Prefix of metric types, such as ``custom.googleapis.com/callmood``. ``/threshold_ratio`` (above 1 is drift) or
        ``/accuracy`` is appended.
    rows : sequence of dict
        Rows of `drift_checks`.
    at : datetime
        Current time with its time zone: Cloud Monitoring rejects points that are days old.

    Raises
    ------
    google.api_core.exceptions.GoogleAPIError
        Cloud Monitoring did not accept the points.
    """
    series = [_time_series(prefix, row, at) for row in rows]
    for first in range(0, len(series), _SERIES_PER_REQUEST):
        client.create_time_series(name=f"projects/{project}", time_series=series[first : first + _SERIES_PER_REQUEST])


def _time_series(prefix: str, row: JsonRow, at: datetime) -> TimeSeries:
    labels = {"model_version": row["model_version"], "queue": row["queue"] or ""}
    if row["test"] == "wilson":
        name, value = "accuracy", row["statistic"]
    else:
        name, value = "threshold_ratio", row["statistic"] / row["threshold"]
        labels["metric"] = row["metric"]
    return TimeSeries(
        {
            "metric": {"type": f"{prefix}/{name}", "labels": labels},
            "resource": {"type": "global"},
            "points": [{"interval": {"end_time": at}, "value": {"double_value": value}}],
        }
    )
