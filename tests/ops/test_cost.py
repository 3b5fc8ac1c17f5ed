"""The cost estimate: exact values, custom prices, and the table in the docs."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from dashboard_tiles import tiles
from many_calls import add_calls
from query_bytes import read_bytes
from stored_metrics import other_views, store_metrics, store_outcomes
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.errors import CallmoodError
from callmood.ops.cost import PRICES, FunctionSpec, Workload, estimate, load_prices, tile_bytes
from callmood.warehouse.duckdb import DuckDBWarehouse

DOCS = Path(__file__).parents[2] / "docs" / "cost.md"


def cost(*arguments):
    return CliRunner().invoke(app, ["cost", *arguments], env={"COLUMNS": "100"})


def total(workload, function=None):
    return sum(item.usd for item in estimate(workload, function or FunctionSpec(), load_prices()))


def test_estimate_equals_a_manual_calculation():
    """1,000 hours in calls of 6 minutes at 100 times real time, with 2 s overhead per call: 56,000 s."""
    items = {item.item: item.usd for item in estimate(Workload(hours=1000), FunctionSpec(), load_prices())}
    assert items["analyze: CPU"] == pytest.approx(56_000 * 0.000024)
    assert items["analyze: memory"] == pytest.approx(56_000 * 2 * 0.0000025)
    assert items["stored audio (Standard)"] == pytest.approx(57.6 * 0.02)
    assert items["streamed rows"] == pytest.approx(910_000 * 1000 / 200e6 * 0.01)


def test_cost_grows_with_the_workload():
    assert total(Workload(hours=0)) == 0
    assert total(Workload(hours=2000)) == pytest.approx(2 * total(Workload(hours=1000)))
    assert total(Workload(hours=1000), FunctionSpec(times_real_time=50)) > total(Workload(hours=1000))
    assert total(Workload(hours=1000, call_minutes=1)) > total(Workload(hours=1000))


def test_custom_prices_replace_list_prices(tmp_path):
    expensive = load_prices()
    for price in expensive["prices"].values():
        price["usd"] *= 10
    (tmp_path / "prices.json").write_text(json.dumps(expensive))
    given = json.loads(cost("--hours", "10", "--json", "--prices", str(tmp_path / "prices.json")).stdout)
    assert given["usd"] == pytest.approx(10 * total(Workload(hours=10)))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"prices": {"vcpu_second": {"usd": "1"}}}'])
def test_invalid_prices_are_reported(tmp_path, content):
    (tmp_path / "prices.json").write_text(content)
    with pytest.raises(CallmoodError, match="cannot be read as prices"):
        load_prices(tmp_path / "prices.json")
    with pytest.raises(CallmoodError, match="cannot be read as prices"):
        load_prices(tmp_path)


def test_every_price_names_its_source():
    prices = json.loads(PRICES.read_text())
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", prices["as_of"])
    for price in [*prices["prices"].values(), *prices["alternatives"]]:
        assert price["source"].startswith("https://")


def test_docs_show_the_output_of_the_command():
    text = DOCS.read_text()
    shown = text.partition("cost --hours 1000 -->\n")[2].partition("<!-- end -->")[0]
    given = json.loads(cost("--hours", "1000", "--json").stdout)
    rows = [f"| {item['item']} | {item['quantity']} | {item['usd']:,.2f} |" for item in given["items"]]
    table = [
        "| item | quantity | USD per month |",
        "|---|---|---|",
        *rows,
        f"| **total** | | **{given['usd']:,.2f}** |",
    ]
    assert shown == "\n".join(table) + "\n"
    for other in given["alternatives"]:
        assert f"| {other['name']} | {other['usd']:,.0f} |" in text


def test_command_prints_total_and_alternatives():
    shown = cost("--hours", "1000").stdout
    assert "USD per month for 1,000 hours" in shown
    assert "Amazon Transcribe" in shown


MILLION = Workload(hours=100_000, keep_months=12, tiles=5000, stores_metrics=True)


def test_queries_of_the_dashboard_are_part_of_the_total():
    """5,000 tiles of 0.60 KB per call of the month, with any retention."""
    items = {item.item: item for item in estimate(MILLION, FunctionSpec(), load_prices())}
    assert items["queries: dashboard"].usd == pytest.approx(5000 * 1e6 * (290 + 310) / 2**40 * 6.25)
    without = estimate(replace(MILLION, stores_metrics=False), FunctionSpec(), load_prices())
    assert {item.item: item.usd for item in without}["queries: dashboard"] > 30 * items["queries: dashboard"].usd


def test_calls_replace_hours():
    by_calls = json.loads(cost("--calls", "1000", "--json").stdout)
    assert by_calls == json.loads(cost("--hours", "100", "--json").stdout)
    for arguments in ([], ["--hours", "1", "--calls", "1"]):
        assert "set either --hours or --calls" in cost(*arguments).output


def test_docs_show_the_cost_of_a_million_calls():
    command = "cost --calls 1000000 --keep-months 12 --tiles 5000 --store-metrics"
    shown = DOCS.read_text().partition(f"{command} -->\n")[2].partition("<!-- end -->")[0]
    given = json.loads(cost(*command.split()[1:], "--json").stdout)
    for item in given["items"]:
        assert f"| {item['item']} | {item['quantity']} | {item['usd']:,.2f} |" in shown
    assert f"| **total** | | **{given['usd']:,.2f}** |" in shown


@pytest.mark.parametrize("months", [1, 12])
def test_bytes_of_a_tile_are_those_of_its_columns(tmp_path, monkeypatch, months):
    """The sizes of BigQuery's types, and the columns that each scan reads."""
    path = tmp_path / "calls.duckdb"
    calls = 30 * 4
    days = {"first_unstored_day": "DATE '9999-12-31'", "last_day": f"DATE '2026-01-01' + {30 * months - 1}"}
    with other_views(monkeypatch, **days):
        store = DuckDBWarehouse(path)
    add_calls(path, calls * months, days=30 * months)
    store_metrics(store)
    store_outcomes(store)
    january = "call_date BETWEEN DATE '2026-01-01' AND DATE '2026-01-30'"
    workload = Workload(hours=calls / 10, keep_months=months, stores_metrics=True)
    for view in ("queues_daily", "agents_daily", "emotion_hourly"):
        read = read_bytes(path, f"FROM {view} WHERE {january}")
        assert not read.get("segments")
        assert sum(read.values()) / calls * 1e6 < 1e9, "a million calls per month"
        assert sum(read.values()) == pytest.approx(tile_bytes(workload), rel=0.15), view
    for view in ("data_quality", "model_usage", "model_versions", "emotion_by_label"):
        assert not read_bytes(path, f"FROM {view} WHERE {january}").get("segments"), view
    for name, sql in tiles(month=january, day="call_date = DATE '2026-01-01'").items():
        read = read_bytes(path, sql)
        assert 0 < sum(read.values()) / calls * 1e6 < 1e9, name
    assert not read_bytes(path, "FROM failures_current").get("recordings")
    plain = DuckDBWarehouse(tmp_path / "plain.duckdb")
    add_calls(plain.path, calls * months, days=30 * months)
    read = read_bytes(plain.path, f"FROM queues_daily WHERE {january}")
    assert sum(read.values()) == pytest.approx(tile_bytes(replace(workload, stores_metrics=False)), rel=0.15)
