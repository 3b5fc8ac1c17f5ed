"""The BigQuery warehouse: the requests that it sends, and how it handles responses."""

import pytest
from scripted_http import scripted_http
from table_rows import commit_row, segment_row

from callmood.errors import QueryError, SchemaError, WarehouseError
from callmood.warehouse import bigquery
from callmood.warehouse.base import write_analysis
from callmood.warehouse.bigquery import BigQueryWarehouse

TABLES = "/bigquery/v2/projects/demo/datasets/calls/tables"


@pytest.fixture
def server():
    with scripted_http() as script:
        yield script


@pytest.fixture
def warehouse(server, monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
    return BigQueryWarehouse("calls")


def error_response(status, reason="any"):
    return status, {"error": {"code": status, "message": "no", "errors": [{"reason": reason, "message": "no"}]}}


def insert_errors(*rows):
    errors = [
        {"index": i, "errors": [{"reason": reason, "location": where, "message": "no 'Ms Moss'"}]}
        for i, reason, where in rows
    ]
    return 200, {"insertErrors": errors}


def in_turn(*answers):
    left = iter(answers)
    return lambda _request: next(left)


def test_analysis_is_sent_with_insert_ids_and_the_commit_last(warehouse, server):
    write_analysis(warehouse, [segment_row(0), segment_row(1)], commit_row())
    assert server.paths("POST") == [f"{TABLES}/segments/insertAll", f"{TABLES}/recordings/insertAll"]
    segments, recordings = (request.json["rows"] for request in server.requests)
    assert [row["insertId"] for row in segments] == [segment_row(0)["segment_id"], segment_row(1)["segment_id"]]
    assert segments[1]["json"] == segment_row(1)
    assert recordings[0]["insertId"] == commit_row()["analysis_id"]


def test_dataset_can_belong_to_another_project(server, monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
    BigQueryWarehouse("other.calls").append("recordings", [commit_row()])
    assert server.paths("POST") == ["/bigquery/v2/projects/other/datasets/calls/tables/recordings/insertAll"]


def test_many_rows_are_sent_in_batches_in_order(warehouse, server):
    rows = [segment_row(i % 10, segment_id=f"{i:032d}") for i in range(1201)]
    warehouse.append("segments", rows)
    batches = [[row["insertId"] for row in request.json["rows"]] for request in server.requests]
    assert [len(batch) for batch in batches] == [500, 500, 201]
    assert [row_id for batch in batches for row_id in batch] == [row["segment_id"] for row in rows]


def test_large_rows_are_sent_in_smaller_batches(warehouse, server):
    rows = [commit_row(labels=[{"key": "notes", "value": "x" * 2_000_000}]) for _ in range(5)]
    warehouse.append("recordings", rows)
    assert [len(request.json["rows"]) for request in server.requests] == [2, 2, 1]


def test_no_request_is_sent_without_rows(warehouse, server):
    warehouse.append("segments", [])
    assert server.requests == []


def test_invalid_row_is_not_sent(warehouse, server):
    with pytest.raises(SchemaError, match="start_s"):
        warehouse.append("segments", [segment_row(0), segment_row(1, start_s="five")])
    assert server.requests == []


@pytest.mark.parametrize(
    "failure",
    [
        error_response(503, "backendError"),
        error_response(500),
        error_response(502),
        error_response(504),
        error_response(429),
        error_response(403, "rateLimitExceeded"),
        (503, b"<html>not even JSON"),
        None,
    ],
    ids=["503", "500", "502", "504", "429", "403-rate", "html", "dropped"],
)
def test_transient_failure_is_retried_with_the_same_ids(warehouse, server, failure):
    server.answer = in_turn(failure, (200, {}))
    warehouse.append("recordings", [commit_row()])
    first, second = (request.json for request in server.requests)
    assert first == second


def test_retries_end_after_the_timeout(warehouse, server, monkeypatch):
    monkeypatch.setattr(bigquery, "_RETRY", bigquery._RETRY.with_timeout(1.0))
    server.answer = lambda _request: error_response(503)
    with pytest.raises(WarehouseError, match="recordings"):
        warehouse.append("recordings", [commit_row()])
    assert len(server.requests) > 1


@pytest.mark.parametrize(("status", "reason"), [(404, "notFound"), (403, "accessDenied"), (400, "invalid")])
def test_permanent_failure_is_not_retried(warehouse, server, status, reason):
    server.answer = lambda _request: error_response(status, reason)
    with pytest.raises(WarehouseError, match="recordings"):
        warehouse.append("recordings", [commit_row()])
    assert len(server.requests) == 1


def test_error_names_rejected_rows_without_their_values(warehouse, server):
    server.answer = lambda _request: insert_errors((0, "stopped", ""), (1, "invalid", "p_anger"))
    with pytest.raises(SchemaError) as error:
        warehouse.append("segments", [segment_row(0), segment_row(1)])
    assert str(error.value) == f"BigQuery rejected rows for segments: row {1:032d}: invalid at p_anger"


def test_rows_rejected_for_a_transient_reason_are_a_warehouse_error(warehouse, server):
    server.answer = lambda _request: insert_errors((0, "timeout", ""))
    with pytest.raises(WarehouseError, match="row e"):
        warehouse.append("segments", [segment_row(0, segment_id="e")])


@pytest.mark.parametrize(("arguments", "limit"), [({}, 100 * 2**30), ({"maximum_bytes_billed": 10**9}, 10**9)])
def test_query_has_a_limit_of_billed_bytes(warehouse, server, arguments, limit):
    server.answer = lambda _asked: error_response(400, "bytesBilledLimitExceeded")
    with pytest.raises(QueryError):
        BigQueryWarehouse("calls", **arguments).query("SELECT 1")
    [asked] = server.requests
    assert asked.json["configuration"]["query"]["maximumBytesBilled"] == str(limit)
