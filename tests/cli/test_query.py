"""`callmood query`: output formats, and the report of SQL that BigQuery rejects."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from command_line import json_lines, run
from stack.services import ROOT
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


ROWS = "SELECT n, CONCAT('call ', CAST(n AS STRING)) AS name FROM UNNEST(GENERATE_ARRAY(1, 150)) AS n ORDER BY n"


def terminal_output(arguments, width):
    """Run a command in a pseudo-terminal."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    command = [sys.executable, "-m", "callmood", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "functions"), "TERM": "xterm", "COLUMNS": str(width)}
    with subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        text = b""
        try:
            while part := os.read(leader, 65536):
                text += part
        except OSError:  # the process closed the terminal
            pass
        assert process.wait() == 0
    os.close(leader)
    return text.decode()


def test_terminal_shows_100_rows_and_how_to_get_all(monkeypatch):
    monkeypatch.setitem(os.environ, "PYTHONWARNINGS", "ignore")
    text = terminal_output(["query", ROWS], 80)
    assert "call 100" in text
    assert "call 101" not in text
    assert "100 of 150 rows. To get all rows, add: --format csv" in text


def test_pipe_gets_all_rows_without_control_sequences():
    text = run("query", ROWS)
    assert "call 150" in text
    assert "\x1b" not in text
    wide = run("query", "SELECT * FROM UNNEST([STRUCT(" + ", ".join(f"'{'x' * 30}' AS c{i}" for i in range(9)) + ")])")
    assert len(wide.splitlines()) == 2


def test_wide_result_prints_one_column_per_line():
    columns = ", ".join(f"{i}.5 AS column_{i}" for i in range(20))
    text = terminal_output(["query", f"SELECT {columns}"], 80)
    assert "  column_19  19.5" in text


def test_sql_error_contains_no_control_sequences():
    message = run("query", "SELECT (1 FROM calls", code=2)
    assert message.startswith("error: ")
    assert "\x1b" not in message
