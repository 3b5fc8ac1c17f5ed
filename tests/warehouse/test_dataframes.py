"""DataFrames of query results: the same columns, types, and values from both warehouses."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest
from scripted_http import scripted_http
from table_rows import commit_row
from warehouse_data import fill

from callmood.errors import QueryError
from callmood.warehouse.bigquery import BigQueryWarehouse
from callmood.warehouse.duckdb import DuckDBWarehouse

TYPES = {
    "call_id": "str",
    "call_date": "datetime64[us]",
    "started_at": "datetime64[us, UTC]",
    "generation": "Int64",
    "duration_s": "float64",
    "mixed_talk_s": "float64",
    "labels": "object",
    "is_long": "boolean",
}
SQL = """
SELECT
  call_id, call_date, started_at, IF(call_id IS NULL, NULL, generation) AS generation, duration_s, mixed_talk_s, labels,
  IF(call_id IS NULL, NULL, duration_s > 50) AS is_long
FROM recordings
WHERE duration_s < @longest
ORDER BY duration_s
"""
BIG = 2**53 + 1  # a float64 rounds it
ROWS = [
    commit_row(duration_s=10.0, call_id=None, recording_id="b" * 32),
    commit_row(duration_s=60.0, call_id="a", generation=BIG, labels=[{"key": "product", "value": "tv"}]),
]


def bigquery_answer(has_rows):
    """Return what BigQuery answers: numbers as strings, timestamps in microseconds."""
    types = ["STRING", "DATE", "TIMESTAMP", "INTEGER", "FLOAT", "FLOAT", "RECORD", "BOOLEAN"]
    fields = [{"name": name, "type": kind} for name, kind in zip(TYPES, types, strict=True)]
    fields[6] |= {
        "mode": "REPEATED",
        "fields": [{"name": "key", "type": "STRING"}, {"name": "value", "type": "STRING"}],
    }
    at = "1793610840000000"
    label = {"v": {"f": [{"v": "product"}, {"v": "tv"}]}}
    rows = [
        [None, "2026-11-02", at, None, "10.0", None, [], None],
        ["a", "2026-11-02", at, str(BIG), "60.0", None, [label], "true"],
    ]
    rows = rows if has_rows else []
    return 200, {
        "jobReference": {"projectId": "demo", "jobId": "job", "location": "US"},
        "status": {"state": "DONE"},
        "jobComplete": True,
        "schema": {"fields": fields},
        "totalRows": str(len(rows)),
        "rows": [{"f": [{"v": value} for value in row]} for row in rows],
    }


@pytest.fixture(params=["duckdb", "bigquery"])
def warehouse(request, tmp_path, monkeypatch):
    if request.param == "duckdb":
        store = DuckDBWarehouse(tmp_path / "calls.duckdb")
        fill(store, {"recordings": ROWS})
        yield store
        return
    with scripted_http() as server:
        server.answer = lambda _request: bigquery_answer(has_rows=b"100.0" in server.requests[0].body)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
        yield BigQueryWarehouse("calls")


def test_dataframe_has_typed_columns_and_all_values(warehouse):
    frame = warehouse.query_dataframe(SQL, {"longest": 100.0})
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == TYPES
    short, long = frame.to_dict("records")
    assert pd.isna([short["call_id"], short["generation"], short["mixed_talk_s"], short["is_long"]]).all()
    assert (long["call_id"], long["generation"], long["duration_s"], long["is_long"]) == ("a", BIG, 60.0, True)
    assert (short["labels"], long["labels"]) == ([], [{"key": "product", "value": "tv"}])
    assert long["call_date"].date() == date(2026, 11, 2)
    assert long["started_at"] == datetime(2026, 11, 2, 9, 14, tzinfo=UTC)


def test_dataframe_without_rows_has_the_same_types(warehouse):
    frame = warehouse.query_dataframe(SQL, {"longest": 0.0})
    assert frame.empty
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == TYPES


def test_csv_of_a_dataframe_has_plain_dates_and_integers(warehouse):
    csv = warehouse.query_dataframe(SQL, {"longest": 100.0})[["call_id", "call_date", "generation"]].to_csv(index=False)
    assert csv.splitlines() == ["call_id,call_date,generation", ",2026-11-02,", f"a,2026-11-02,{BIG}"]


def test_dataframe_of_a_sum_of_integers_holds_integers(tmp_path):
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    fill(store, {"recordings": ROWS})
    frame = store.query_dataframe("SELECT SUM(channels) AS n, SUM(IF(channels < 0, 1, NULL)) AS none FROM recordings")
    assert str(frame["n"].dtype) == str(frame["none"].dtype) == "Int64"
    assert frame["n"][0] == 4
    assert pd.isna(frame["none"][0])


def test_dataframe_of_an_invalid_query_is_a_query_error(tmp_path):
    with pytest.raises(QueryError, match="no_such"):
        DuckDBWarehouse(tmp_path / "calls.duckdb").query_dataframe("SELECT no_such FROM segments")
