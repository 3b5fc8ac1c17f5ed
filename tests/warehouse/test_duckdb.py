"""The local store: tables, views, and stores of older versions."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import duckdb
import pytest
from call_rows import call, classified, erasure
from table_rows import commit_row, segment_row
from warehouse_data import fill

from callmood.errors import QueryError, SchemaError, WarehouseError
from callmood.warehouse.base import write_analysis
from callmood.warehouse.duckdb import DuckDBWarehouse, InMemoryWarehouse


@pytest.fixture
def store(tmp_path):
    return DuckDBWarehouse(tmp_path / "calls.duckdb")


def test_appended_rows_can_be_queried(store):
    write_analysis(store, [segment_row(0), segment_row(1)], commit_row(labels=[{"key": "product", "value": "tv"}]))
    [row] = store.query("SELECT * FROM callmood.recordings_current")
    assert row["labels"] == [{"key": "product", "value": "tv"}]
    assert row["started_at"].isoformat() == "2026-11-02T09:14:00+00:00"
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 2}]
    assert store.query("SELECT start_s FROM segments_current WHERE segment_index = @i", {"i": 1}) == [{"start_s": 5.0}]


def test_segments_without_a_commit_are_invisible(store):
    store.append("segments", [segment_row(0)])
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 0}]


def test_repeated_analysis_counts_once(store):
    for _ in range(3):
        write_analysis(store, [segment_row(0), segment_row(1)], commit_row())
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 2}]
    assert store.query("SELECT COUNT(*) AS n FROM recordings_current") == [{"n": 1}]


def test_newer_analysis_replaces_the_older_one(store):
    write_analysis(store, [segment_row(0), segment_row(1)], commit_row())
    newer = {"analysis_id": "b" * 32, "analyzed_at": "2026-11-09T00:00:00+00:00", "model_version": "2"}
    write_analysis(store, [segment_row(0, **newer)], commit_row(**newer))
    assert store.query("SELECT model_version FROM segments_current") == [{"model_version": "2"}]


def test_copies_count_once_and_erased_recordings_do_not_count(store):
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


def test_copies_with_different_call_ids_are_different_calls(store):
    for number, call_id in enumerate(["c1", "c2", "c1", None]):
        store.append(
            "recordings", [commit_row(call_id=call_id, uri=f"gs://calls/{number}.wav", recording_id=f"r{number}")]
        )
    rows = store.query("SELECT call_id, uri FROM recordings_current ORDER BY uri")
    assert rows == [{"call_id": "c1", "uri": "gs://calls/0.wav"}, {"call_id": "c2", "uri": "gs://calls/1.wav"}]


@pytest.mark.parametrize("create", [lambda path: DuckDBWarehouse(path / "s.duckdb"), lambda _: InMemoryWarehouse()])
def test_snapshot_has_the_selected_recordings_in_all_views(create, tmp_path):
    store = create(tmp_path)
    other = {"recording_id": "c" * 32, "analysis_id": "d" * 32}
    write_analysis(store, [segment_row(0), segment_row(1)], commit_row())
    write_analysis(
        store,
        [segment_row(0, **other, segment_id="e" * 32)],
        commit_row(**other, uri="gs://calls/b.wav", content_sha256="9" * 64),
    )
    calls = "SELECT * FROM calls WHERE recording_id = @id"
    parameters = {"id": other["recording_id"]}
    with store.snapshot("recording_id = @id", parameters) as snapshot:
        assert snapshot.query("SELECT recording_id AS id FROM segments_current") == [parameters]
        assert snapshot.query("SELECT recording_id AS id FROM segments") == [parameters]  # selected once
        selected = snapshot.query(calls, parameters)
    assert len(selected) == 1
    assert selected == store.query(calls, parameters)
    assert store.query("SELECT COUNT(*) AS n FROM calls") == [{"n": 2}]


def test_invalid_row_rejects_all_rows(store):
    with pytest.raises(SchemaError, match="segments, row 1: start_s must be FLOAT64"):
        store.append("segments", [segment_row(0), segment_row(1, start_s="five")])
    assert store.query("SELECT COUNT(*) AS n FROM segments") == [{"n": 0}]


@pytest.mark.parametrize("columns", ["1 AS a, 2 AS A", "* FROM segments AS s JOIN segments AS o USING (segment_id)"])
def test_columns_with_the_same_name_are_a_query_error(store, columns):
    for run in (store.query, store.query_dataframe):
        with pytest.raises(QueryError, match="several columns of the result are named"):
            run(f"SELECT {columns}")


def test_unknown_column_is_a_query_error(store):
    with pytest.raises(QueryError, match="no_such"):
        store.query("SELECT no_such FROM segments")


def test_missing_optional_columns_are_added_to_older_stores(tmp_path):
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


def test_store_without_a_required_column_is_an_error_with_a_command(tmp_path):
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE segments (segment_id VARCHAR)")
    with pytest.raises(WarehouseError, match="callmood analyze … --store"):
        DuckDBWarehouse(path)


def test_file_of_another_kind_is_an_error(tmp_path):
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
def test_query_cannot_change_the_store(store, sql):
    write_analysis(store, [segment_row(0)], commit_row())
    with pytest.raises(QueryError, match="read-only"):
        store.query(sql)
    assert store.query("SELECT COUNT(*) AS n FROM segments_current") == [{"n": 1}]


def test_store_in_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(WarehouseError, match="No such file"):
        DuckDBWarehouse(tmp_path / "blocked" / "calls.duckdb")


def test_threads_read_while_another_writes(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    review = {"recording_id": "a", "call_date": "2026-11-20", "reviewed_at": "2026-11-20T12:00:00+00:00"}
    with ThreadPoolExecutor(8) as pool:
        reads = [pool.submit(store.query, "SELECT COUNT(*) AS n FROM reviews") for _ in range(100)]
        writes = [pool.submit(store.append, "reviews", [review | {"review_id": str(n)}]) for n in range(10)]
        reads += [pool.submit(store.query, "SELECT COUNT(*) AS n FROM reviews") for _ in range(100)]
        for task in (*reads, *writes):
            task.result()
    assert store.query("SELECT COUNT(*) AS n FROM reviews") == [{"n": 10}]


SLOW = """
SELECT COUNTIF(a < b) AS n
FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 100000)) AS b
"""


def read(store):
    store.query(SLOW)


def read_snapshot(store):
    with store.snapshot("recording_id = @id", {"id": "a"}) as snapshot:
        snapshot.query(SLOW)


@pytest.mark.parametrize("run", [read, read_snapshot])
def test_stopped_queries_end_at_once_and_writing_continues(store, run):
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, store)
        while not store._reading:
            time.sleep(0.01)
        store.stop_queries()
        with pytest.raises(QueryError):
            running.result(timeout=20)
    with pytest.raises(QueryError, match="stopped"):
        store.query("SELECT 1 AS n")
    store.append("reviews", [{"review_id": "1", "recording_id": "a", "call_date": "2026-11-20", "reviewed_at": NOON}])


NOON = "2026-11-20T12:00:00+00:00"


WITHOUT_PANDAS = """
import sys
from callmood.warehouse.duckdb import InMemoryWarehouse
store = InMemoryWarehouse()
store.append("reviews", [{"review_id": "1", "recording_id": "a", "call_date": "2026-11-20", "reviewed_at": "NOON"}])
assert store.query("SELECT COUNT(*) AS n FROM reviews WHERE recording_id = @id", {"id": "a"}) == [{"n": 1}]
assert "pandas" not in sys.modules
"""


def test_rows_are_written_and_queried_without_pandas():
    """Importing it takes 0.2 s and 20 MB in each instance of a function and each command."""
    subprocess.run([sys.executable, "-c", WITHOUT_PANDAS.replace("NOON", NOON)], check=True)


def test_last_day_has_calls_that_count():
    warehouse = InMemoryWarehouse()

    def last_days():
        [row] = warehouse.query("SELECT ${last_day} AS day")
        with warehouse.snapshot("call_date >= @first", {"first": date(2026, 1, 1)}) as snapshot:
            return [row["day"], snapshot.query("SELECT ${last_day} AS day")[0]["day"]]

    assert last_days() == [None, None]
    for name, day in (("first", 2), ("second", 3), ("third", 4)):
        fill(warehouse, call(name, at=f"2026-11-0{day}T09:00:00+00:00", customer=[classified(0, 6)]))
        assert last_days() == [date(2026, 11, day)] * 2
    fill(warehouse, erasure("third"))
    assert last_days() == [date(2026, 11, 3)] * 2
    copied = call("second", at="2026-11-02T09:00:00+00:00", analyzed_at="2026-11-05T00:00:00+00:00", model="2")
    fill(warehouse, copied)
    assert last_days() == [date(2026, 11, 2)] * 2
