"""`callmood export`: CSV and Parquet files that other tools can read."""

import os
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pandas as pd
import pytest
from call_rows import call, classified
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.warehouse.base import write_analysis
from callmood.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "calls.duckdb"
    store = DuckDBWarehouse(path)
    for name, anger in (('it\'s, "quoted"\nand =1+1', 0.9), ("neutral", 0.1)):
        rows = call(name, customer=[classified(3, 30, anger=anger)])
        write_analysis(store, rows["segments"], rows["recordings"][0])
    return path


def export(path, *arguments):
    return CliRunner().invoke(app, ["export", *map(str, arguments), "--store", str(path)])


def test_csv_of_a_view_has_the_rows_of_the_view(path, tmp_path):
    out = tmp_path / "it's here.csv"
    done = export(path, "calls", out)
    assert (done.exit_code, "2 rows" in done.output) == (0, True)
    read = pd.read_csv(out, parse_dates=["started_at"])
    expected = pd.DataFrame(DuckDBWarehouse(path).query("SELECT * FROM calls"))
    assert list(read.columns) == list(expected.columns)
    assert set(read.call_id) == set(expected.call_id)
    assert sorted(read.negativity) == pytest.approx(sorted(expected.negativity))
    assert set(read.started_at) == set(expected.started_at)


def test_parquet_of_a_table_keeps_the_types(path, tmp_path):
    out = tmp_path / "rows"
    assert export(path, "recordings", out, "--format", "parquet").exit_code == 0
    types = dict(duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet('{out}'))").fetchall())
    assert types["started_at"] == "TIMESTAMP WITH TIME ZONE"
    assert types["channel_roles"] == "VARCHAR[]"
    assert types["call_date"] == "DATE"


def test_existing_file_is_replaced(path, tmp_path):
    out = tmp_path / "calls.csv"
    out.write_text("older\n" * 1000)
    assert export(path, "calls", out).exit_code == 0
    assert "older" not in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("call", "out.csv"),
            "unknown view or table 'call'; choose one of agents_",
        ),
        (("calls", "out.xlsx"), "--format csv or --format parquet"),
        (("calls", "no/such/folder/out.csv"), "cannot be written"),
    ],
)
def test_invalid_export_is_an_error_and_leaves_no_file(path, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = export(path, *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert {left.name for left in tmp_path.iterdir()} == {"calls.duckdb"}


def test_link_stays_a_link_and_its_file_is_replaced(path, tmp_path):
    out, link = tmp_path / "real.csv", tmp_path / "link.csv"
    out.write_text("older\n")
    link.symlink_to(out)
    assert export(path, "calls", link).exit_code == 0
    assert link.is_symlink()
    assert out.read_text().startswith("call_date,")


def test_pipe_receives_the_rows(path, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        received = reader.submit(pipe.read_text)
        done = export(path, "calls", pipe, "--format", "csv")
        assert (done.exit_code, "2 rows" in done.output) == (0, True)
        assert received.result(10).startswith("call_date,")
    assert pipe.is_fifo()
