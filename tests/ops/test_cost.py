"""The bill: reckoned right, told as the docs tell it, and with anybody's prices."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callmood.cli.app import app
from callmood.ops.cost import PRICES, Load, Machine, bill, load_prices

DOCS = Path(__file__).parents[2] / "docs" / "cost.md"


def cost(*arguments):
    return CliRunner().invoke(app, ["cost", *arguments], env={"COLUMNS": "100"})


def total(load, machine=None, prices=None):
    return sum(item.usd for item in bill(load, machine or Machine(), prices or load_prices()))


def test_a_bill_by_hand():
    """1,000 hours in calls of 6 minutes at 100 times real time with 2 s for each call beside: 56,000 s."""
    items = {item.what: item.usd for item in bill(Load(hours=1000), Machine(), load_prices())}
    assert items["analyze: CPU"] == pytest.approx(56_000 * 0.000024)
    assert items["analyze: memory"] == pytest.approx(56_000 * 2 * 0.0000025)
    assert items["audio kept (Standard)"] == pytest.approx(57.6 * 0.02)
    assert items["rows streamed"] == pytest.approx(910_000 * 1000 / 200e6 * 0.01)


def test_it_grows_with_what_is_done():
    assert total(Load(hours=0)) == 0
    assert total(Load(hours=2000)) == pytest.approx(2 * total(Load(hours=1000)))
    assert total(Load(hours=1000), Machine(times_real_time=50)) > total(Load(hours=1000))
    assert total(Load(hours=1000, call_minutes=1)) > total(Load(hours=1000))


def test_other_prices_may_be_given(tmp_path):
    dear = load_prices()
    for price in dear["prices"].values():
        price["usd"] *= 10
    (tmp_path / "prices.json").write_text(json.dumps(dear))
    given = json.loads(cost("--hours", "10", "--json", "--prices", str(tmp_path / "prices.json")).stdout)
    assert given["usd"] == pytest.approx(10 * total(Load(hours=10)))


def test_every_price_says_where_it_was_read():
    prices = json.loads(PRICES.read_text())
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", prices["known_on"])
    for price in [*prices["prices"].values(), *prices["alternatives"]]:
        assert price["source"].startswith("https://")


def test_the_docs_show_what_the_command_prints():
    text = DOCS.read_text()
    shown = text.partition("cost --hours 1000 -->\n")[2].partition("<!-- end -->")[0]
    given = json.loads(cost("--hours", "1000", "--json").stdout)
    rows = [f"| {item['what']} | {item['amount']} | {item['usd']:,.2f} |" for item in given["items"]]
    table = ["| what | how much | USD a month |", "|---|---|---|", *rows, f"| **in all** | | **{given['usd']:,.2f}** |"]
    assert shown == "\n".join(table) + "\n"
    for other in given["alternatives"]:
        assert f"| {other['name']} | {other['usd']:,.0f} |" in text


def test_the_command_tells_it_to_people():
    shown = cost("--hours", "1000").stdout
    assert "USD a month for 1,000 hours" in shown
    assert "Amazon Transcribe" in shown
