"""docs/reading-the-data.md: all its blocks run in order, on a store and a dataset with the same rows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import google.auth
import pytest
from bigquery_dataset import create_dataset
from example_days import DAY
from google.auth.credentials import AnonymousCredentials
from stack.services import PROJECT
from warehouse_data import BERLIN, fill

from callmood.warehouse.bigquery import BigQueryWarehouse
from callmood.warehouse.duckdb import DuckDBWarehouse

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs/reading-the-data.md").read_text(encoding="utf-8"), re.S)
DATASET = "callmood_reports"
SHELL = {"PYTHONPATH": str(ROOT / "functions"), "COLUMNS": "200"}


@pytest.fixture
def reports_dataset(bigquery_client):
    name = f"{PROJECT}.{DATASET}"
    create_dataset(bigquery_client, name, **BERLIN)
    warehouse = BigQueryWarehouse(name, bigquery_client)
    fill(warehouse, {table: DAY[table] for table in ("recordings", "segments")})
    return warehouse


def test_all_blocks_of_the_page_run(tmp_path, monkeypatch, capsys, reports_dataset, emulator_url):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator_url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), PROJECT))
    fill(
        DuckDBWarehouse(Path("callmood.duckdb"), **BERLIN), {table: DAY[table] for table in ("recordings", "segments")}
    )
    seen, printed = {}, ""
    for language, block in BLOCKS:
        if language == "bash":
            printed += shell(block)
        elif language == "sql":
            assert reports_dataset.query(block)
        else:
            exec(block.replace('"acme"', f'"{PROJECT}"'), seen)
    printed += capsys.readouterr().out
    for text in ("angry for 12 s", "gs://calls/escalates.wav", "billing", "anger_minutes"):
        assert text in printed
    assert Path("calls.csv").read_text().startswith("call_date,started_at,")
    [row] = DuckDBWarehouse(Path("callmood.duckdb"), **BERLIN).query(
        "SELECT SUM(calls) AS calls FROM emotion_by_outcome WHERE outcome = 'sale' AND emotion = 'anger'"
    )
    assert row["calls"] == 2


def shell(block):
    command = f'callmood() {{ "{sys.executable}" -m callmood "$@"; }}; {block}'
    done = subprocess.run(["bash", "-euc", command], capture_output=True, text=True, env=os.environ | SHELL)
    assert done.returncode == 0, done.stderr
    return done.stdout
