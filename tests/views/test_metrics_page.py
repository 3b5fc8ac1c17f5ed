"""docs/metrics.md: the worked example is what the views compute, and the SQL in it runs."""

import re
from pathlib import Path

import pytest
from call_rows import call, classified, merge, unclassified
from example_days import DAY, ESCALATES
from warehouse_data import fill

from callmood.warehouse.duckdb import DuckDBWarehouse

PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")


def table(heading):
    """Rows of the page's table whose header begins so."""
    lines = PAGE.split(f"\n{heading}", 1)[1].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


CUSTOMER = [
    (float(start), float(end), label, float(negativity))
    for start, end, label, negativity in table("| start_s | end_s | label")
]
AGENT = [(float(start), float(end)) for start, end, _ in table("| start_s | end_s | |")]
FIGURES = {figure: value for figure, value, _ in table("| figure | value")}


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    store = DuckDBWarehouse(tmp_path_factory.mktemp("page") / "example.duckdb")
    example = call(
        "example",
        duration_s=120,
        customer=[classified(start, end, label, anger=negativity) for start, end, label, negativity in CUSTOMER],
        agent=[unclassified(*span) for span in AGENT],
    )
    fill(store, example)
    [row] = store.query("SELECT * FROM calls")
    return row


@pytest.mark.parametrize("figure", FIGURES)
def test_the_worked_example_is_what_the_view_computes(computed, figure):
    stated, value = FIGURES[figure], computed[figure]
    if isinstance(value, bool):
        assert stated == str(value).lower()
    elif isinstance(value, str):
        assert stated == value
    else:
        assert float(stated) == pytest.approx(value, abs=5e-6)


def test_both_warehouses_are_tested_on_the_same_example():
    """`day.py` holds the example for both; here it is as the page tells it."""
    of = {
        role: [(row["start_s"], row["end_s"]) for row in ESCALATES["segments"] if row["role"] == role]
        for role in ("agent", "customer")
    }
    assert of == {"agent": AGENT, "customer": [(start, end) for start, end, _, _ in CUSTOMER]}


@pytest.mark.parametrize("sql", re.findall(r"```sql\n(.*?)```", PAGE, re.S))
def test_the_pages_sql_runs(tmp_path, sql):
    store = DuckDBWarehouse(tmp_path / "days.duckdb", min_calls_per_group=1)
    fill(store, merge(DAY))
    assert store.query(sql)


def test_wilsons_interval_over_several_days_is_that_of_the_view_for_one(tmp_path):
    store = DuckDBWarehouse(tmp_path / "days.duckdb", min_calls_per_group=1)
    fill(store, DAY)
    sql = next(found for found in re.findall(r"```sql\n(.*?)```", PAGE, re.S) if "emotion_by_outcome" in found)
    over_days = {(r["outcome"], r["emotion"], r["is_present"]): (r["low"], r["high"]) for r in store.query(sql)}
    for row in store.query("SELECT * FROM emotion_by_outcome WHERE outcome = 'sale'"):
        found = over_days[row["outcome"], row["emotion"], row["is_present"]]
        assert found == pytest.approx((row["low"], row["high"]))
