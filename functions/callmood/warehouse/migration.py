"""Rename tables, columns, and values of local stores that older versions of callmood created."""

from __future__ import annotations

import duckdb

_PROJECTIONS = {f"voice_{i}": f"embedding_proj_{i}" for i in range(1, 9)}

_TABLES = {"feedback": "annotations", "model_health": "drift_checks"}

_COLUMNS = {
    "annotations": {
        "feedback_id": "annotation_id",
        "chosen": "sampling",
        "labelled_by": "annotated_by",
        "labelled_at": "annotated_at",
    },
    "drift_checks": {"health_id": "check_id", "figure": "metric", "alarm_above": "threshold"},
    "recordings": {"analysed_at": "analyzed_at"},
    "releases": {"stated_at": "changed_at"},
    "segments": {"analysed_at": "analyzed_at", **_PROJECTIONS},
}

_VALUES = {
    ("annotations", "sampling"): {"typical": "high_confidence"},
    ("drift_checks", "metric"): _PROJECTIONS,
    ("releases", "state"): {"shown": "published", "held": "staged"},
}

_VIEWS = ("call_health", "labelled_segments", "model_health_current")

# An ID of a check is a hash of what identifies the check (`callmood.analysis.rows.row_id`), and its metric was renamed.
_UPDATE_CHECK_IDS = """
UPDATE drift_checks
SET check_id = left(
  sha256(concat_ws(chr(0), call_date, model_version, coalesce(queue, 'None'), metric, test)), 32
)
WHERE starts_with(metric, 'embedding_proj_')
"""


# Erasures of older versions state only the recording. Its rows may be deleted later.
_COMPLETE_ERASURES = """
UPDATE erasures
SET
  object_sha256 = sha256(known.uri),
  generation = known.generation,
  content_sha256 = known.content_sha256,
  call_id_sha256 = sha256(known.call_id)
FROM (
  SELECT
    recording_id,
    any_value(uri) AS uri,
    any_value(generation) AS generation,
    any_value(content_sha256) AS content_sha256,
    any_value(call_id) AS call_id
  FROM (
    SELECT recording_id, uri, generation, content_sha256, call_id FROM recordings
    UNION ALL
    SELECT recording_id, uri, generation, content_sha256, call_id FROM failures WHERE uri IS NOT NULL
  )
  GROUP BY recording_id
) AS known
WHERE erasures.object_sha256 IS NULL AND known.recording_id = erasures.recording_id
"""


def complete_erasures(connection: duckdb.DuckDBPyConnection) -> None:
    """Add object, generation, and content to erasures that state only the recording.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Connection in a transaction, with all columns of the current schema.
    """
    connection.execute(_COMPLETE_ERASURES)


def rename_old_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Rename everything that has an old name, and drop views that no longer exist.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Connection in a transaction. The caller replaces views that read renamed columns.
    """
    for view in _VIEWS:
        connection.execute(f'DROP VIEW IF EXISTS "{view}"')
    columns = _columns(connection)
    for old, new in _TABLES.items():
        if old in columns and new not in columns:
            connection.execute(f'ALTER TABLE "{old}" RENAME TO "{new}"')
            columns[new] = columns.pop(old)
    for table, names in _COLUMNS.items():
        for old, new in names.items():
            if old in columns.get(table, ()):
                connection.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{old}" TO "{new}"')
                columns[table].add(new)
    for (table, column), values in _VALUES.items():
        if column in columns.get(table, ()):
            for old, new in values.items():
                connection.execute(
                    f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" = ?',  # noqa: S608 - constants of this module
                    [new, old],
                )
    if "health_id" in columns.get("drift_checks", ()):
        connection.execute(_UPDATE_CHECK_IDS)


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    """Return the names of columns by table."""
    columns: dict[str, set[str]] = {}
    for table, column in connection.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall():
        columns.setdefault(table, set()).add(column)
    return columns
