"""The local store: tables, views, several processes, older stores."""

import duckdb
import pytest
from table_rows import commit_row, segment_row

from callmood.errors import QueryError, SchemaError, WarehouseError
from callmood.warehouse.base import write_analysis
from callmood.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def store(tmp_path):
    return DuckDBWarehouse(tmp_path / "calls.duckdb")


def test_rows_come_back_as_they_went_in(store):
    write_analysis(store, [segment_row(0), segment_row(1)], commit_row(labels=[{"key": "product", "value": "tv"}]))
    [row] = store.query("SELECT * FROM callmood.recordings_current")
    assert row["labels"] == [{"key": "product", "value": "tv"}]
    assert row["started_at"].isoformat() == "2026-11-02T09:14:00+00:00"
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 2}]
    assert store.query("SELECT start_s FROM segments_current WHERE segment_index = @i", {"i": 1}) == [{"start_s": 5.0}]


def test_segments_without_their_commit_are_not_seen(store):
    store.append("segments", [segment_row(0)])
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 0}]


def test_the_same_analysis_three_times_counts_once(store):
    for _ in range(3):
        write_analysis(store, [segment_row(0), segment_row(1)], commit_row())
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 2}]
    assert store.query("SELECT COUNT(*) AS n FROM recordings_current") == [{"n": 1}]


def test_a_newer_analysis_takes_the_place_of_the_older(store):
    write_analysis(store, [segment_row(0), segment_row(1)], commit_row())
    newer = {"analysis_id": "b" * 32, "analyzed_at": "2026-11-09T00:00:00+00:00", "model_version": "2"}
    write_analysis(store, [segment_row(0, **newer)], commit_row(**newer))
    assert store.query("SELECT model_version FROM segments_current") == [{"model_version": "2"}]


def test_copies_count_once_and_erased_recordings_not_at_all(store):
    other = {"recording_id": "c" * 32, "analysis_id": "d" * 32, "uri": "gs://calls/copy.wav", "object": "copy.wav"}
    later = {"uploaded_at": "2026-11-03T10:00:00+00:00"}
    write_analysis(store, [segment_row(0)], commit_row())
    write_analysis(
        store, [segment_row(0, **{k: other[k] for k in ("recording_id", "analysis_id")})], commit_row(**other, **later)
    )
    assert store.query("SELECT uri FROM recordings_current") == [{"uri": "gs://calls/a.wav"}]
    erasure = {
        "erasure_id": "e",
        "recording_id": "r" * 32,
        "reason": "request",
        "erased_at": "2026-11-09T00:00:00+00:00",
    }
    store.append("erasures", [erasure])
    assert store.query("SELECT uri FROM recordings_current") == [{"uri": "gs://calls/copy.wav"}]


def test_the_same_bytes_under_two_call_ids_are_two_calls_and_a_copy_without_one_is_none(store):
    for number, call_id in enumerate(["c1", "c2", "c1", None]):
        store.append(
            "recordings", [commit_row(call_id=call_id, uri=f"gs://calls/{number}.wav", recording_id=f"r{number}")]
        )
    rows = store.query("SELECT call_id, uri FROM recordings_current ORDER BY uri")
    assert rows == [{"call_id": "c1", "uri": "gs://calls/0.wav"}, {"call_id": "c2", "uri": "gs://calls/1.wav"}]


def test_a_row_that_does_not_fit_is_refused_whole(store):
    with pytest.raises(SchemaError, match="segments, row 1: start_s must be FLOAT64"):
        store.append("segments", [segment_row(0), segment_row(1, start_s="five")])
    assert store.query("SELECT COUNT(*) AS n FROM segments") == [{"n": 0}]


def test_a_query_that_names_nothing_known_says_so(store):
    with pytest.raises(QueryError, match="no_such"):
        store.query("SELECT no_such FROM segments")


def test_a_store_of_an_older_version_gains_the_new_columns(tmp_path):
    path = tmp_path / "old.duckdb"
    DuckDBWarehouse(path).append("recordings", [commit_row()])
    with duckdb.connect(str(path)) as connection:
        for (view,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            connection.execute(f'DROP VIEW "{view}"')
        connection.execute("ALTER TABLE recordings DROP COLUMN labels")
        connection.execute("DELETE FROM store_version")
    assert DuckDBWarehouse(path).query("SELECT labels, uri FROM recordings_current") == [
        {"labels": None, "uri": "gs://calls/a.wav"}
    ]


def test_a_store_that_lacks_a_required_column_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE segments (segment_id VARCHAR)")
    with pytest.raises(WarehouseError, match="callmood analyze … --store"):
        DuckDBWarehouse(path)


def test_a_file_that_is_no_store_is_refused(tmp_path):
    path = tmp_path / "notes.duckdb"
    path.write_text("hello " * 1000)
    with pytest.raises(WarehouseError, match="cannot be opened as a store"):
        DuckDBWarehouse(path)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE segments",
        "DROP VIEW calls",
        "DELETE FROM recordings WHERE TRUE",
        "UPDATE recordings SET call_id = 'x' WHERE TRUE",
        "INSERT INTO store_version (version) VALUES ('1')",
        "CREATE TABLE mine (x INT64)",
    ],
)
def test_a_query_cannot_change_the_store(store, sql):
    write_analysis(store, [segment_row(0)], commit_row())
    with pytest.raises(QueryError, match="read-only"):
        store.query(sql)
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 1}]


def test_a_store_that_cannot_be_made_is_an_error_at_once(tmp_path):
    with pytest.raises(WarehouseError, match="No such file"):
        DuckDBWarehouse(tmp_path / "blocked" / "calls.duckdb")
