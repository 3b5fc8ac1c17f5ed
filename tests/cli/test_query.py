"""`callmood query`: output formats, and the report of SQL that BigQuery rejects."""

import json
import sys

import pytest
from command_line import json_lines, run
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.warehouse.duckdb import DuckDBWarehouse

SQL = "SELECT * FROM UNNEST([STRUCT(1 AS n, 'Bücher, \"x\"' AS text), STRUCT(NULL, 'plain')]) ORDER BY text"


@pytest.fixture(autouse=True)
def _store(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLMOOD_STORE", str(tmp_path / "calls.duckdb"))
    DuckDBWarehouse(tmp_path / "calls.duckdb")


def test_csv_keeps_integers_in_a_column_with_nulls():
    assert run("query", SQL, "--format", "csv") == 'n,text\n1,"Bücher, ""x"""\n,plain\n'


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"], ["--json", "--format", "csv"]])
def test_json_has_one_object_per_line(option):
    assert json_lines(run("query", SQL, *option)) == [{"n": 1, "text": 'Bücher, "x"'}, {"n": None, "text": "plain"}]


def test_json_has_dates_and_times_in_iso_8601():
    [row] = json_lines(run("query", "SELECT DATE '2026-11-02' AS d, TIMESTAMP '2026-11-02 09:00:00+00' AS t", "--json"))
    assert row == {"d": "2026-11-02", "t": "2026-11-02T09:00:00+00:00"}


def test_table_shows_markup_as_text():
    printed = run("query", "SELECT '[red]x[/red]' AS text, 0.12345 AS number, JSON '1' IS NULL AS missing")
    assert "[red]x[/red]" in printed
    assert "0.123" in printed


def test_query_without_rows_prints_a_note():
    assert run("query", "SELECT 1 AS n FROM segments") == "no rows\n"
    assert run("query", "SELECT 1 AS n FROM segments", "--json") == ""


def test_query_cannot_change_the_store():
    assert run("query", "DELETE FROM segments WHERE TRUE", code=2).startswith("error: ")
    assert json.loads(run("query", "SELECT COUNT(*) AS n FROM segments", "--json")) == {"n": 0}


REJECTED = "SELECT COUNT(*) OVER (PARTITION BY x) AS n FROM UNNEST([0.5]) AS x"


def test_query_that_bigquery_rejects_is_reported_on_standard_error():
    done = CliRunner().invoke(app, ["query", REJECTED, "--json"])
    assert (done.exit_code, done.stdout) == (0, '{"n": 1}\n')
    [line] = done.stderr.splitlines()
    assert line.startswith("BigQuery rejects this query: Partitioning by expressions of type FLOAT64 is not allowed")


def test_query_that_bigquery_accepts_prints_nothing_on_standard_error():
    done = CliRunner().invoke(app, ["query", "SELECT MAX_BY(queue, duration_s) AS queue FROM `callmood.calls`"])
    assert (done.exit_code, done.stderr) == (0, "")


def test_query_is_not_checked_without_zetasql(monkeypatch):
    monkeypatch.setitem(sys.modules, "zetasql", None)
    done = CliRunner().invoke(app, ["query", REJECTED, "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
