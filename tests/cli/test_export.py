"""Getting data out: `callmood export` to files that pandas reads back."""

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
    for name, anger in (('it\'s, "quoted"\nand =1+1', 0.9), ("calm", 0.1)):
        rows = call(name, customer=[classified(3, 30, anger=anger)])
        write_analysis(store, rows["segments"], rows["recordings"][0])
    return path


def export(path, *arguments):
    return CliRunner().invoke(app, ["export", *map(str, arguments), "--store", str(path)])


def test_a_view_as_csv_reads_back_as_it_is(path, tmp_path):
    out = tmp_path / "it's here.csv"
    done = export(path, "calls", out)
    assert (done.exit_code, "2 rows" in done.output) == (0, True)
    read = pd.read_csv(out, parse_dates=["started_at"])
    asked = pd.DataFrame(DuckDBWarehouse(path).query("SELECT * FROM calls"))
    assert list(read.columns) == list(asked.columns)
    assert set(read.call_id) == set(asked.call_id)
    assert sorted(read.negativity) == pytest.approx(sorted(asked.negativity))
    assert set(read.started_at) == set(asked.started_at)


def test_a_table_as_parquet_keeps_its_types(path, tmp_path):
    out = tmp_path / "rows"
    assert export(path, "recordings", out, "--format", "parquet").exit_code == 0
    types = dict(duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet('{out}'))").fetchall())
    assert types["started_at"] == "TIMESTAMP WITH TIME ZONE"
    assert types["channel_roles"] == "VARCHAR[]"
    assert types["call_date"] == "DATE"


def test_a_file_that_exists_is_replaced(path, tmp_path):
    out = tmp_path / "calls.csv"
    out.write_text("older\n" * 1000)
    assert export(path, "calls", out).exit_code == 0
    assert "older" not in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("call", "out.csv"),
            "unknown view or table 'call'; choose one of agents_daily, annotated_segments, annotations",
        ),
        (("calls", "out.xlsx"), "--format csv or --format parquet"),
        (("calls", "no/such/folder/out.csv"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(path, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    done = export(path, *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert {left.name for left in tmp_path.iterdir()} == {"calls.duckdb"}
