"""Read all rows and columns of each view in DuckDB.

`./run bench views` reads a million segments. The limit is 2 s for each view. `./run bench views month` reads one month
of a year with 12 million segments whose metrics are stored: each view with all columns, and each tile of the dashboard.
It prints the bytes that BigQuery would read for a million calls in that month. The limit is 1 s for each view for
reports and each tile.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from dashboard_tiles import tiles
from many_calls import add_calls
from query_bytes import read_bytes
from stored_metrics import other_views, store_metrics, store_outcomes

from callmood.ops.looker import report_views
from callmood.warehouse.duckdb import DuckDBWarehouse
from callmood.warehouse.schema import views

LIMIT_S, MONTH_LIMIT_S = 2.0, 1.0
YEAR_CALLS = 120_000  # with 100 segments each
JANUARY = "call_date BETWEEN DATE '2026-01-01' AND DATE '2026-01-31'"
DAY = "call_date = DATE '2026-01-01'"


def main():
    with TemporaryDirectory() as folder:
        path = Path(folder) / "calls.duckdb"
        slow = month(path) if "month" in sys.argv[1:] else million(path)
    sys.exit(1 if slow else 0)


def million(path):
    """Read each view over a million segments, and return how many views are slow."""
    slow = 0
    DuckDBWarehouse(path)
    add_calls(path, 10_000)
    for view in views():
        taken, processor, rows = timed(path, f"FROM {view}")
        slow += taken >= LIMIT_S
        print(f"{view:20} {taken:6.2f} s  {processor:6.2f} s of CPU time  {rows:9,} rows")
    return slow


def month(path):
    """Read one month of each report view over a year with stored metrics, and return how many views are slow."""
    slow = 0
    # As Terraform renders the views with store_metrics. `insights` reads the eight weeks before the last day.
    days = {"first_unstored_day": "DATE '9999-12-31'", "last_day": "DATE '2026-03-31'"}
    with other_views(pytest.MonkeyPatch(), **days):
        store = DuckDBWarehouse(path)
    add_calls(path, YEAR_CALLS, days=365)
    started = time.perf_counter()
    store_metrics(store)
    store_outcomes(store)
    print(f"metrics stored in {time.perf_counter() - started:.0f} s", flush=True)
    [(calls,)] = [row.values() for row in store.query(f"SELECT COUNT(*) AS n FROM recordings WHERE {JANUARY}")]
    queries = {
        view: f"FROM {view}" + f" WHERE {JANUARY}" * any(field.name == "call_date" for field in described.fields)
        for view, described in views().items()
        if not described.is_internal
    }
    limited = {*report_views(), *tiles(JANUARY, DAY)}
    for name, query in (queries | tiles(JANUARY, DAY)).items():
        taken, processor, rows = timed(path, query)
        slow += taken >= MONTH_LIMIT_S and name in limited
        size = sum(read_bytes(path, query).values()) / calls * 1e6
        line = f"{name:28} {taken:6.2f} s  {processor:6.2f} s of CPU time  {rows:9,} rows"
        print(f"{line}  {size / 1e9:6.2f} GB for a million calls per month", flush=True)
    return slow


def timed(path, query):
    """Return the shortest time of three runs, the least CPU time, and the number of rows."""
    times, processor = [], []
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
        for _ in range(3):
            started, used = time.perf_counter(), time.process_time()
            connection.execute(f"CREATE OR REPLACE TEMP TABLE result AS {query}")
            times.append(time.perf_counter() - started)
            processor.append(time.process_time() - used)
        [(rows,)] = connection.execute("SELECT COUNT(*) FROM result").fetchall()
    return min(times), min(processor), rows


if __name__ == "__main__":
    main()
