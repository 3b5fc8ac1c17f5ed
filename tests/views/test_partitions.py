"""Partition pruning: a filter on the day reaches the tables, and rows of other days do not change the result."""

import json
from datetime import date

import duckdb
import pytest
from call_rows import call, classified, merge, unclassified
from example_days import DAY
from stored_metrics import other_views, store_metrics
from warehouse_data import BERLIN, assert_equal_rows, fill, sort_rows

from callmood.ops.looker import report_views
from callmood.warehouse.dialect import LAST_DAY
from callmood.warehouse.duckdb import DuckDBWarehouse
from callmood.warehouse.schema import tables, views

MONDAY = date(2026, 11, 2)
PARTITIONED = {name for name, table in tables().items() if table.partition_field == "call_date"}
PARTITION_FIELDS = {name: table.partition_field for name, table in tables().items()}

# Views that read all days, and the reason.
UNPRUNED = {
    "trends_daily": "a row looks back thirteen days",
    "failures_current": "failures have no call date; the table is small",
    "agents_compared": "the view itself filters by day: see below",
    "insights": "the view itself filters by day: see below",
    "valid_analyses": "an analysis of any day can replace another; it reads identifying columns only",
    "counted_analyses": "as valid_analyses",
    "version_analyses": "as valid_analyses",
    "erasures_current": "erasures have no call date; the table is small",
}

# Columns that identify an analysis. They decide which analysis counts, on whatever day it falls.
IDENTIFYING = {
    *("call_date", "analysis_id", "analyzed_at", "recording_id", "uri", "generation"),
    *("content_sha256", "call_id", "uploaded_at", "model_version", "segment_count"),
}


def scans(plan):
    """Yield (table, columns, whether a filter on the column that partitions it reaches it) of every scan in a plan."""
    for node in plan:
        extra = node.get("extra_info", {})
        if "Table" in extra:
            columns = extra.get("Projections", [])
            columns = {columns} if isinstance(columns, str) else set(columns)
            table = extra["Table"].rpartition(".")[2]
            yield table, columns, PARTITION_FIELDS.get(table, "call_date") in str(extra.get("Filters"))
        yield from scans(node["children"])


def scans_of_query(store, sql, last_day="2026-11-02", of=PARTITIONED):
    """Return the scans of some tables in the plan of a query."""
    with duckdb.connect(str(store.path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TEMP MACRO {LAST_DAY} AS DATE '{last_day}'")  # as DuckDBWarehouse does
        # These optimizers join rows by their number in the file, which hides the columns that the plan reads.
        connection.execute("SET disabled_optimizers = 'late_materialization, top_n_window_elimination'")
        [(_, plan)] = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    return [scan for scan in scans(json.loads(plan)) if scan[0] in of]


@pytest.mark.parametrize("view", sorted(set(views()) - set(UNPRUNED)))
def test_day_filter_reaches_every_scan_of_recordings_and_segments(local_day, view):
    relevant = scans_of_query(local_day, f"SELECT * FROM {view} WHERE call_date = DATE '2026-11-02'")
    assert relevant
    for table, columns, reached in relevant:
        is_evidence = table == "recordings" and columns <= IDENTIFYING
        assert reached or is_evidence, f"{view} reads {columns} of all partitions of {table}"


@pytest.mark.parametrize("view", ["agents_compared", "insights"])
def test_views_of_the_last_weeks_filter_every_scan_by_day(local_day, view):
    """The last day is a constant: CURRENT_DATE in BigQuery. Here later days have calls, so that the filter matters."""
    relevant = scans_of_query(local_day, f"SELECT * FROM {view}", last_day="2026-10-20")
    assert relevant
    assert all(reached or (table == "recordings" and columns <= IDENTIFYING) for table, columns, reached in relevant)


def test_last_day_of_a_local_store_is_a_constant(local_day):
    """DuckDB would evaluate a subquery after it has read all days."""
    macros = "SELECT macro_definition FROM duckdb_functions() WHERE function_name = 'last_call_date' AND {condition}"
    [stored] = local_day.query(macros.format(condition="database_name != 'temp'"))
    assert "max(call_date)" in stored["macro_definition"]  # for programs that open the store themselves
    used_macros = macros.format(condition="database_name = 'temp' AND 'insights' != ''")
    [used] = local_day.query(used_macros)
    [day] = local_day.query("SELECT MAX(call_date) AS last FROM recordings")
    assert str(day["last"]) in used["macro_definition"]


OTHER_DAYS = merge(
    *(
        call(
            f"{name}-{day}",
            at=f"2026-{day}T09:00:00+00:00",
            customer=[classified(0, 6, anger=0.9)],
            agent=[unclassified(8, 12)],
        )
        for name in ("escalates", "calm", "other")
        for day in ("10-30", "11-05")
    )
)


@pytest.fixture(scope="module")
def more_days(tmp_path_factory):
    store = DuckDBWarehouse(tmp_path_factory.mktemp("other") / "days.duckdb", **BERLIN)
    fill(store, merge(DAY, OTHER_DAYS))
    return store


@pytest.mark.parametrize("view", sorted(set(views()) - set(UNPRUNED)))
def test_rows_of_other_days_do_not_change_the_result(local_reports, more_days, view):
    monday = sort_rows(more_days.query(f"SELECT * FROM {view} WHERE call_date = DATE '2026-11-02'"))
    assert_equal_rows(monday, sort_rows(local_reports.rows(view, call_date=MONDAY)))


@pytest.fixture(scope="module")
def stored_day(tmp_path_factory):
    """Return the example days in a store whose views read stored metrics, as with Terraform's store_metrics."""
    with pytest.MonkeyPatch.context() as patched, other_views(patched, first_unstored_day="DATE '9999-12-31'"):
        store = DuckDBWarehouse(tmp_path_factory.mktemp("stored") / "day.duckdb", **BERLIN)
    fill(store, DAY)
    store_metrics(store)
    return store


@pytest.mark.parametrize("view", sorted(set(report_views()) - (UNPRUNED.keys() - {"failures_current"})))
def test_day_filter_reaches_every_scan_with_stored_metrics(stored_day, view):
    """Then no view reads columns of all days, so its cost does not grow with the retained months."""
    day = "failed_date" if view == "failures_current" else "call_date"
    relevant = scans_of_query(stored_day, f"SELECT * FROM {view} WHERE {day} = DATE '2026-11-02'")
    assert {table for table, _, reached in relevant if not reached} <= {"related_analyses"}


def test_outcomes_are_not_read_when_they_are_stored_by_day(tmp_path, monkeypatch):
    """DuckDB drops scans of days after the last one, so its plan shows the filter for an earlier day only."""
    with other_views(monkeypatch, first_unstored_day="DATE '2026-11-02'"):
        store = DuckDBWarehouse(tmp_path / "day.duckdb", **BERLIN)
    earlier = {"call_id": "calm", "outcome": "sale", "value": 1.0, "known_at": "2026-10-01T00:00:00+00:00"}
    fill(store, merge(DAY, {"outcomes": [earlier]}))
    assert [reached for *_, reached in scans_of_query(store, "FROM emotion_by_outcome", of={"outcomes"})] == [True]
