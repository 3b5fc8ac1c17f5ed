"""docs/metrics.md: the views compute the values of its example, and its SQL runs."""

import re
from pathlib import Path

import pytest
from call_rows import call, classified, merge, unclassified
from example_days import DAY, ESCALATES
from warehouse_data import fill

from callmood.warehouse.duckdb import DuckDBWarehouse

PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")


def table(heading):
    """Return the rows of the table whose header starts with this text."""
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
EXPECTED = {metric: value for metric, value, _ in table("| metric | value")}


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


@pytest.mark.parametrize("metric", EXPECTED)
def test_view_computes_the_values_of_the_worked_example(computed, metric):
    expected, value = EXPECTED[metric], computed[metric]
    if isinstance(value, bool):
        assert expected == str(value).lower()
    elif isinstance(value, str):
        assert expected == value
    else:
        assert float(expected) == pytest.approx(value, abs=5e-6)


def test_example_days_contain_the_worked_example():
    """Ensure that both warehouses are tested with the example."""
    intervals = {
        role: [(row["start_s"], row["end_s"]) for row in ESCALATES["segments"] if row["role"] == role]
        for role in ("agent", "customer")
    }
    assert intervals == {"agent": AGENT, "customer": [(start, end) for start, end, _, _ in CUSTOMER]}


@pytest.mark.parametrize("sql", re.findall(r"```sql\n(.*?)```", PAGE, re.S))
def test_sql_of_the_page_runs(tmp_path, sql):
    store = DuckDBWarehouse(tmp_path / "days.duckdb", min_calls_per_group=1)
    fill(store, merge(DAY))
    assert store.query(sql)


def test_sql_for_intervals_over_days_equals_the_view_for_one_day(tmp_path):
    store = DuckDBWarehouse(tmp_path / "days.duckdb", min_calls_per_group=1)
    fill(store, DAY)
    sql = next(found for found in re.findall(r"```sql\n(.*?)```", PAGE, re.S) if "emotion_by_outcome" in found)
    over_days = {(r["outcome"], r["emotion"], r["is_present"]): (r["low"], r["high"]) for r in store.query(sql)}
    for row in store.query("SELECT * FROM emotion_by_outcome WHERE outcome = 'sale'"):
        found = over_days[row["outcome"], row["emotion"], row["is_present"]]
        assert found == pytest.approx((row["low"], row["high"]))
