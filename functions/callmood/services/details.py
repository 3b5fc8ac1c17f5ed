"""Load details of calls from a CSV file of the telephone system, and move calls to the day of their start."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

from callmood.analysis.rows import row_id
from callmood.config import AnalysisConfig
from callmood.errors import CallmoodError
from callmood.names.start_times import is_accepted
from callmood.sources.metadata import call_metadata, normalized_keys
from callmood.types import CallMetadata, JsonRow
from callmood.warehouse.base import Warehouse

_MAX_ERRORS = 10

_START = """
SELECT started_at
FROM call_details
WHERE call_id = @call_id
ORDER BY loaded_at DESC, detail_id
LIMIT 1
"""

_MISPLACED = """
SELECT call_date, recording_id, analysis_id, started_at
FROM recordings_current
WHERE started_at_source = 'details' AND DATE(started_at, @time_zone) != call_date
ORDER BY call_date, analysis_id
"""

_RECORDINGS = (
    "SELECT * FROM recordings WHERE call_date = @call_date AND analysis_id IN UNNEST(@analyses) ORDER BY analyzed_at"
)
_SEGMENTS = (
    "SELECT * FROM segments WHERE call_date = @call_date AND analysis_id IN UNNEST(@analyses) ORDER BY analyzed_at"
)
# What people found in a recording is found by its day, too.
_FINDINGS = {
    "annotations": "SELECT * FROM annotations WHERE call_date = @call_date AND recording_id IN UNNEST(@recording_ids)",
    "reviews": "SELECT * FROM reviews WHERE call_date = @call_date AND recording_id IN UNNEST(@recording_ids)",
}
_BATCH = 100


def read_details(path: Path, config: AnalysisConfig, columns: Mapping[str, str]) -> list[JsonRow]:
    """Read a CSV file with one row per call. Of several rows of one call, the last one counts.

    Parameters
    ----------
    path : Path
        CSV in UTF-8 with a header, separated by commas, semicolons, or tabs. The columns are those of `call_details`,
        with the same other names as metadata of objects. Any other column becomes a label.
    config : AnalysisConfig
        Time zone of start times without a zone.
    columns : mapping of str to str
        Names of columns in the file, and the columns of `call_details` that they are.

    Returns
    -------
    list of dict
        Rows of `call_details`.

    Raises
    ------
    CallmoodError
        The file cannot be read, has no column of call IDs, or has invalid rows; the message lists the first of them.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CallmoodError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CallmoodError(f"{path} is not UTF-8; convert it, for example with iconv") from None
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        names = [str(name) for name in reader.fieldnames or ()]
        lines = list(reader)
    except csv.Error as error:
        raise CallmoodError(f"{path} is not valid CSV after line {reader.line_num}: {error}") from None
    if missing := sorted(set(columns) - set(names)):
        raise CallmoodError(f"{path} has no column {', '.join(missing)}; it has {', '.join(names)}")
    now = datetime.now(UTC)
    rows: dict[str, JsonRow] = {}
    errors: list[str] = []
    for number, values in enumerate(lines, 2):
        known = {columns.get(name, name): value for name, value in values.items() if name and isinstance(value, str)}
        call = call_metadata("", known, config)
        if call.call_id is None:
            errors.append(f"line {number}: no call_id")
        elif call.warnings:
            errors.append(f"line {number}: the start time cannot be read")
        else:
            rows[call.call_id] = _row(call, now)
    if names and "call_id" not in normalized_keys(columns.get(name, name) for name in names):
        raise CallmoodError(
            f"{path} has no column call_id; name it with --column NAME=call_id. It has {', '.join(names)}"
        )
    if errors:
        shown = "; ".join(errors[:_MAX_ERRORS])
        raise CallmoodError(f"{path} has {len(errors)} invalid rows, so nothing was loaded: {shown}")
    return list(rows.values())


def _row(call: CallMetadata, loaded_at: datetime) -> JsonRow:
    values: JsonRow = {
        "call_id": call.call_id,
        "started_at": call.started_at.astimezone(UTC).isoformat() if call.started_at else None,
        "agent_id": call.agent_id,
        "queue": call.queue,
        "customer_id": call.customer_id,
        "direction": call.direction,
        "labels": [{"key": key, "value": value} for key, value in call.labels.items()],
    }
    return {
        "detail_id": row_id(json.dumps(values, sort_keys=True), loaded_at.isoformat()),
        **values,
        "loaded_at": loaded_at.isoformat(),
    }


def with_known_start(
    warehouse: Warehouse, segments: Sequence[JsonRow], recording: JsonRow, zone: ZoneInfo
) -> tuple[Sequence[JsonRow], JsonRow]:
    """Return the rows of an analysis, with the start in `call_details` if their own start is unknown.

    Parameters
    ----------
    warehouse : Warehouse
        Contains the details.
    segments : sequence of dict
        Rows of `segments`.
    recording : dict
        Row of `recordings`.
    zone : ZoneInfo
        Determines the day of the call.

    Returns
    -------
    tuple of (sequence of dict, dict)
        Rows to write.
    """
    if recording["call_id"] is None or recording["started_at_source"] not in ("upload", "file"):
        return segments, recording
    rows = warehouse.query(_START, {"call_id": recording["call_id"]})
    start = rows[0]["started_at"] if rows else None
    return (segments, recording) if start is None else _with_start(segments, recording, start, zone)


def _with_start(
    segments: Sequence[JsonRow], recording: JsonRow, started_at: datetime, zone: ZoneInfo
) -> tuple[Sequence[JsonRow], JsonRow]:
    """Return the rows of an analysis with the times and the day of another start."""
    start = started_at.astimezone(UTC)
    day = {"call_date": started_at.astimezone(zone).date().isoformat()}
    moved = [
        {
            **segment,
            **day,
            "started_at": (start + timedelta(seconds=segment["start_s"])).isoformat(),
            "ended_at": (start + timedelta(seconds=segment["end_s"])).isoformat(),
        }
        for segment in segments
    ]
    return moved, {**recording, **day, "started_at": start.isoformat(), "started_at_source": "details"}


def move_calls(warehouse: Warehouse, zone: ZoneInfo) -> int:
    """Copy the rows of calls to the day of their start in `call_details`, if they were written under another day.

    The copy is a newer analysis of the same recording, so it counts instead, once, and every query by day stays pruned.
    Calls of days that BigQuery rejects stay.

    Parameters
    ----------
    warehouse : Warehouse
        Receives the rows.
    zone : ZoneInfo
        Determines the day of the call.

    Returns
    -------
    int
        Number of calls that moved.
    """
    now = datetime.now(UTC)
    misplaced = [
        call for call in warehouse.query(_MISPLACED, {"time_zone": zone.key}) if is_accepted(call["started_at"], now)
    ]
    for call_date, group in groupby(misplaced, key=itemgetter("call_date")):
        calls = list(group)
        for first in range(0, len(calls), _BATCH):
            _move(warehouse, zone, call_date, calls[first : first + _BATCH])
    return len(misplaced)


def _move(warehouse: Warehouse, zone: ZoneInfo, call_date: date, calls: Sequence[JsonRow]) -> None:
    """Copy the rows of calls of one day. The rows of `recordings` are last: they commit the copies."""
    starts = {call["analysis_id"]: call["started_at"] for call in calls}
    analyses = {"call_date": call_date, "analyses": list(starts)}
    recordings = {row["analysis_id"]: row for row in warehouse.query(_RECORDINGS, analyses)}
    segments = {row["segment_id"]: row for row in warehouse.query(_SEGMENTS, analyses)}
    moved_segments: list[JsonRow] = []
    moved_recordings: list[JsonRow] = []
    for analysis_id, started_at in starts.items():
        own = [row for row in segments.values() if row["analysis_id"] == analysis_id]
        copies, recording = _with_start(own, recordings[analysis_id], started_at, zone)
        identity = {
            "analysis_id": row_id(analysis_id, recording["started_at"]),
            "analyzed_at": recording["analyzed_at"] + timedelta(microseconds=1),  # the newer analysis counts
        }
        moved_segments += [
            {**copy, **identity, "segment_id": row_id(copy["segment_id"], identity["analysis_id"])} for copy in copies
        ]
        moved_recordings.append({**recording, **identity})
    by_recording = {"call_date": call_date, "recording_ids": [call["recording_id"] for call in calls]}
    days = {row["recording_id"]: row["call_date"] for row in moved_recordings}
    for table, sql in _FINDINGS.items():
        findings = warehouse.query(sql, by_recording)
        _append(warehouse, table, [{**row, "call_date": days[row["recording_id"]]} for row in findings])
    _append(warehouse, "segments", moved_segments)
    _append(warehouse, "recordings", moved_recordings)


def _append(warehouse: Warehouse, table: str, rows: Sequence[JsonRow]) -> None:
    warehouse.append(
        table,
        [
            {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
            for row in rows
        ],
    )
