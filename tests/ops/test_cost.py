"""The cost estimate: exact values, custom prices, and the table in the docs."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.ops.cost import PRICES, FunctionSpec, Workload, estimate, load_prices

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
