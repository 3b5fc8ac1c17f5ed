"""Read reviews of calls and annotations of segments for the pages, and store those that a served page sends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from callmood.errors import AnnotationError
from callmood.monitoring.annotations import Annotations, annotation_row, review_row
from callmood.types import JsonRow
from callmood.warehouse.base import Warehouse

# Joining annotations and reviews to calls is slow, and unnecessary on days without them.
_DAYS = """
SELECT MIN(call_date) AS first, MAX(call_date) AS last
FROM {table}
WHERE call_date BETWEEN @first AND @last
"""

_SEGMENTS = """
SELECT recording_id, channel, start_s, annotated_emotion, predicted_emotion, sampling
FROM annotated_segments
WHERE call_date BETWEEN @first AND @last
ORDER BY recording_id, channel, start_s
"""

_REVIEWS = """
SELECT recording_id, verdict, note
FROM reviews_current
WHERE call_date BETWEEN @first AND @last
ORDER BY recording_id
"""


def reviews_payload(warehouse: Warehouse, first: date = date.min, last: date = date.max) -> dict[str, Any]:
    """Query the newest annotations and reviews.

    Parameters
    ----------
    warehouse : Warehouse
        Source of the rows.
    first, last : date
        Period of the calls; default: all days.

    Returns
    -------
    dict
        JSON-serializable. ``segments``: recording id, channel, start in milliseconds, annotated emotion, predicted
        emotion, and sampling. ``reviews``: recording id, verdict, and note.
    """

    def query(table: str, sql: str) -> list[JsonRow]:
        [days] = warehouse.query(_DAYS.format(table=table), {"first": first, "last": last})
        return warehouse.query(sql, days) if days["first"] else []

    return {
        "segments": [
            [
                row["recording_id"],
                row["channel"],
                round(1000 * row["start_s"]),
                row["annotated_emotion"],
                row["predicted_emotion"],
                row["sampling"],
            ]
            for row in query("annotations", _SEGMENTS)
        ],
        "reviews": [[row["recording_id"], row["verdict"], row["note"]] for row in query("reviews", _REVIEWS)],
    }


def save_reviews(warehouse: Warehouse, body: Any, now: datetime) -> None:
    """Write annotations and reviews that a page sent.

    Parameters
    ----------
    warehouse : Warehouse
        Warehouse with the tables.
    body : object
        Decoded JSON: ``{"segments": [line, …], "reviews": [line, …]}``. A line has the columns of the exported file.
    now : datetime
        Current time with its time zone.

    Raises
    ------
    AnnotationError
        The body is invalid. Nothing was written.
    """
    try:
        segments, reviews = ([_texts(line) for line in body[key]] for key in ("segments", "reviews"))
        found = Annotations(
            [annotation_row({**line, "sampling": "report"}, now) for line in segments],
            [review_row(line, now) for line in reviews],
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise AnnotationError(f"invalid review: {error}") from None
    found.write(warehouse)


def _texts(line: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in line.items() if value is not None}
