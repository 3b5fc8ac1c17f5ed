"""Load details of calls from a CSV file of the telephone system."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from callmood.analysis.rows import row_id
from callmood.config import AnalysisConfig
from callmood.errors import CallmoodError
from callmood.sources.metadata import call_metadata, normalized_keys
from callmood.types import CallMetadata, JsonRow

_MAX_ERRORS = 10


def read_details(path: Path, config: AnalysisConfig, columns: Mapping[str, str]) -> list[JsonRow]:
    """Read a CSV file with one call per row.

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
    names = [str(name) for name in reader.fieldnames or ()]
    if missing := sorted(set(columns) - set(names)):
        raise CallmoodError(f"{path} has no column {', '.join(missing)}; it has {', '.join(names)}")
    now, rows, errors = datetime.now(UTC), [], []
    for number, values in enumerate(reader, 2):
        known = {columns.get(name, name): value for name, value in values.items() if name and isinstance(value, str)}
        call = call_metadata("", known, config)
        if call.call_id is None:
            errors.append(f"line {number}: no call_id")
        elif call.warnings:
            errors.append(f"line {number}: the start time cannot be read")
        else:
            rows.append(_row(call, now))
    if names and "call_id" not in normalized_keys(columns.get(name, name) for name in names):
        raise CallmoodError(
            f"{path} has no column call_id; name it with --column NAME=call_id. It has {', '.join(names)}"
        )
    if errors:
        shown = "; ".join(errors[:_MAX_ERRORS])
        raise CallmoodError(f"{path} has {len(errors)} invalid rows, so nothing was loaded: {shown}")
    return rows


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
