"""The warehouse in BigQuery: what it sends over the wire, and what it makes of BigQuery's answers."""

import pytest
from scripted_http import scripted_http
from table_rows import commit_row, segment_row

from callmood.errors import SchemaError, WarehouseError
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


def problem(status, reason="any"):
    return status, {"error": {"code": status, "message": "no", "errors": [{"reason": reason, "message": "no"}]}}


def refusal(*rows):
    errors = [
        {"index": i, "errors": [{"reason": reason, "location": where, "message": "no 'Ms Moss'"}]}
        for i, reason, where in rows
    ]
    return 200, {"insertErrors": errors}


def one_after_another(*answers):
    left = iter(answers)
    return lambda _asked: next(left)


def test_an_analysis_goes_in_with_its_ids_and_its_commit_last(warehouse, server):
    write_analysis(warehouse, [segment_row(0), segment_row(1)], commit_row())
    assert server.paths("POST") == [f"{TABLES}/segments/insertAll", f"{TABLES}/recordings/insertAll"]
    segments, recordings = (asked.json["rows"] for asked in server.asked)
    assert [row["insertId"] for row in segments] == [segment_row(0)["segment_id"], segment_row(1)["segment_id"]]
    assert segments[1]["json"] == segment_row(1)
    assert recordings[0]["insertId"] == commit_row()["analysis_id"]


def test_a_dataset_may_be_another_projects(server, monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
    BigQueryWarehouse("other.calls").append("recordings", [commit_row()])
    assert server.paths("POST") == ["/bigquery/v2/projects/other/datasets/calls/tables/recordings/insertAll"]


def test_many_rows_go_in_batches_in_order(warehouse, server):
    rows = [segment_row(i % 10, segment_id=f"{i:032d}") for i in range(1201)]
    warehouse.append("segments", rows)
    batches = [[row["insertId"] for row in asked.json["rows"]] for asked in server.asked]
    assert [len(batch) for batch in batches] == [500, 500, 201]
    assert [row_id for batch in batches for row_id in batch] == [row["segment_id"] for row in rows]


def test_large_rows_go_in_smaller_batches(warehouse, server):
    rows = [commit_row(labels=[{"key": "notes", "value": "x" * 2_000_000}]) for _ in range(5)]
    warehouse.append("recordings", rows)
    assert [len(asked.json["rows"]) for asked in server.asked] == [2, 2, 1]


def test_nothing_is_sent_for_no_rows(warehouse, server):
    warehouse.append("segments", [])
    assert server.asked == []


def test_a_row_that_does_not_fit_is_not_sent(warehouse, server):
    with pytest.raises(SchemaError, match="start_s"):
        warehouse.append("segments", [segment_row(0), segment_row(1, start_s="five")])
    assert server.asked == []


@pytest.mark.parametrize(
    "trouble",
    [
        problem(503, "backendError"),
        problem(500),
        problem(502),
        problem(504),
        problem(429),
        problem(403, "rateLimitExceeded"),
        (503, b"<html>not even JSON"),
        None,
    ],
    ids=["503", "500", "502", "504", "429", "403-rate", "html", "dropped"],
)
def test_passing_trouble_is_retried_with_the_same_ids(warehouse, server, trouble):
    server.answer = one_after_another(trouble, (200, {}))
    warehouse.append("recordings", [commit_row()])
    first, second = (asked.json for asked in server.asked)
    assert first == second


def test_lasting_trouble_is_given_up(warehouse, server, monkeypatch):
    monkeypatch.setattr(bigquery, "_RETRY", bigquery._RETRY.with_timeout(1.0))
    server.answer = lambda _asked: problem(503)
    with pytest.raises(WarehouseError, match="recordings"):
        warehouse.append("recordings", [commit_row()])
    assert len(server.asked) > 1


@pytest.mark.parametrize(("status", "reason"), [(404, "notFound"), (403, "accessDenied"), (400, "invalid")])
def test_a_plain_no_is_not_asked_again(warehouse, server, status, reason):
    server.answer = lambda _asked: problem(status, reason)
    with pytest.raises(WarehouseError, match="recordings"):
        warehouse.append("recordings", [commit_row()])
    assert len(server.asked) == 1


def test_refused_rows_are_named_but_not_their_values(warehouse, server):
    server.answer = lambda _asked: refusal((0, "stopped", ""), (1, "invalid", "p_anger"))
    with pytest.raises(SchemaError) as refused:
        warehouse.append("segments", [segment_row(0), segment_row(1)])
    assert str(refused.value) == f"BigQuery rejected rows for segments: row {1:032d}: invalid at p_anger"


def test_rows_refused_for_a_passing_reason_may_be_written_again(warehouse, server):
    server.answer = lambda _asked: refusal((0, "timeout", ""))
    with pytest.raises(WarehouseError, match="row e"):
        warehouse.append("segments", [segment_row(0, segment_id="e")])
