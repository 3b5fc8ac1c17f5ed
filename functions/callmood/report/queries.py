"""Read the rows of the report from the views in `schemas/views`, which define all metrics."""

from __future__ import annotations

from datetime import date

from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

_SELECT = """
SELECT c.*, r.bucket, r.object, r.container, r.codec, r.sample_rate, r.channels, r.labels AS label_list, r.legs
FROM calls AS c
JOIN recordings_current AS r ON r.call_date = c.call_date AND r.recording_id = c.recording_id
WHERE c.call_date BETWEEN @first AND @last AND r.call_date BETWEEN @first AND @last
"""

_CALL = f"{_SELECT}  AND c.recording_id = @recording_id AND r.recording_id = @recording_id"

_CALLS = f"""{_SELECT}
ORDER BY
  IFNULL(c.needs_attention, FALSE) DESC, IFNULL(c.negativity, -1) DESC, c.started_at DESC,
  c.recording_id
"""


def query_calls(warehouse: Warehouse, first: date = date.min, last: date = date.max) -> list[JsonRow]:
    """Query calls: those that need attention first, then by descending negativity.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    first, last : date
        Period of the calls; default: all days.

    Returns
    -------
    list of dict
        Rows of the view `calls`, with ``bucket``, ``object``, ``container``, ``codec``, ``sample_rate``, ``channels``,
        ``label_list``, and ``legs`` of the recording.
    """
    return warehouse.query(_CALLS, {"first": first, "last": last})


def query_call(warehouse: Warehouse, recording_id: str, day: date) -> JsonRow | None:
    """Query one call. Return None if it does not exist.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    recording_id : str
        ID of the recording.
    day : date
        Day of the call.

    Returns
    -------
    dict or None
        A row as of `query_calls`.
    """
    rows = warehouse.query(_CALL, {"recording_id": recording_id, "first": day, "last": day})
    return rows[0] if rows else None


def count_failures(warehouse: Warehouse) -> int:
    """Count the recordings that could not be analyzed."""
    return int(warehouse.query("SELECT COUNT(*) AS n FROM failures_current")[0]["n"])
