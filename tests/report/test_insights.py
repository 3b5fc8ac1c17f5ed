"""The index page of a store with planted faults: what changed, agents, queues, and filters."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from call_sums import create_planted_store, generate_calls, plant_faults
from playwright.sync_api import expect
from report_site import build_site, page_url

from callmood.report.batches import query_batches
from callmood.report.build import Period, build_report
from callmood.report.insights import insights_payload


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """3,000 calls of 60 agents with planted faults; the start of seven calls is unknown."""
    calls = plant_faults(generate_calls(1, calls=3000))
    source = np.where(np.arange(3000) < 7, "upload", "metadata")
    path = tmp_path_factory.mktemp("planted") / "calls.duckdb"
    return create_planted_store(path, calls, started_at_source=source)


@pytest.fixture(scope="module")
def planted_site(planted, tmp_path_factory):
    return build_site(tmp_path_factory.mktemp("site"), planted)


@pytest.fixture
def page(open_page, planted_site):
    with open_page(page_url(planted_site)) as page:
        page.wait_for_selector("#insights a")
        page.wait_for_selector("#weekday-hour svg")
        yield page


def state(page):
    return page.evaluate("callmood.state.read()")


def chips(page):
    return [text.removesuffix("×") for text in page.locator("#chips a").all_text_contents()]


def test_both_planted_faults_are_named_without_a_filter(page):
    sentences = page.locator("#insights a").all_text_contents()
    assert 2 <= len(sentences) <= 3
    assert any(text.startswith("billing: negative ") and text.endswith("since 2 November") for text in sentences)
    assert any(text.startswith("deliveries, Mondays ") for text in sentences)


def build_period(planted, folder, first, last):
    site = folder / "report"
    period = Period(first, last)
    build_report(planted, site, store="calls", zone=ZoneInfo("UTC"), min_calls_per_group=5, period=period)
    return site


def test_report_of_a_period_has_the_insights_of_its_last_day(open_page, planted, tmp_path):
    """The change of billing begins on 2 November. A week later the comparison is with the week before it."""
    site = build_period(planted, tmp_path, date.min, date(2026, 11, 8))
    with open_page(page_url(site)) as page:
        link = page.locator("#insights a", has_text="billing: negative ")
        link.click()
        assert state(page) == {"from": "2026-11-02", "to": "2026-11-08", "queue": "billing"}


@pytest.mark.parametrize(("first", "count"), [(date(2026, 9, 21), 2), (date(2026, 10, 19), 1), (date(2026, 10, 20), 0)])
def test_insights_compare_calls_of_the_report_only(planted, first, count):
    """The hours of deliveries are compared over eight weeks, the change of billing over two periods of two weeks."""
    assert len(insights_payload(planted, query_batches(planted, first), 5, first)) == count


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 10, 1), date(2026, 10, 7), "Thu, 1 Oct 2026 to Wed, 7 Oct 2026"),
        (date.min, date(2026, 9, 23), "Mon, 21 Sept 2026 to Wed, 23 Sept 2026"),  # the first three days of the store
    ],
)
def test_report_of_few_days_has_no_insights(open_page, planted, tmp_path, first, last, text):
    site = build_period(planted, tmp_path, first, last)
    with open_page(page_url(site)) as page:
        page.wait_for_function("document.querySelector('#insights').closest('section').hidden")
        assert page.text_content("#period") == text


def test_sentence_selects_its_calls(page, planted):
    link = page.locator("#insights a", has_text="since 2 November")
    percent = link.text_content().split("→ ")[1].split("%")[0]
    link.click()
    assert state(page) == {"from": "2026-11-02", "to": "2026-11-15", "queue": "billing"}
    assert page.text_content("#metric-negativity .value") == f"{percent}%"
    change = page.locator("#metric-negativity .change")
    assert change.get_attribute("data-tone") == "worse"
    assert "points higher than in the previous 14 days" in change.text_content()
    page.locator("#insights a", has_text="Mondays").click()
    assert state(page)["weekday"] == "1"
    calls = planted.query("SELECT COUNT(*) AS n FROM calls WHERE queue = 'deliveries' AND weekday = 1 AND hour >= 8")
    assert 0 < int(page.text_content("#metric-calls .value")) < calls[0]["n"]
    assert chips(page)[1:3] == ["queue: deliveries", "weekday: Monday"]
    page.click("#chips a[aria-label='Remove the filter weekday: Monday']")
    assert "weekday" not in state(page)
    page.go_back()
    assert state(page)["weekday"] == "1"


def test_identical_agents_are_in_the_order_of_their_names_without_color(page):
    names = page.locator("#agents tbody th").all_text_contents()
    assert names == sorted(names)
    assert len(names) == 60
    assert page.locator("#agents [data-different], #agents [data-tone=worse], #agents [data-tone=better]").count() == 0
    assert "none differs clearly" in page.text_content("#agents-note")


def test_differences_of_agents_equal_the_view(page, planted):
    shown = {row["name"]: row for row in page.evaluate("callmood.metrics.agentRows(callmood.metrics.filterCalls({}))")}
    rows = planted.query("SELECT * FROM agents_compared")
    assert len(shown) == len(rows) == 60
    for row in rows:
        found = shown[row["agent_id"]]
        assert found["calls"] == row["calls"]
        assert found["isDifferent"] == row["is_different"]
        assert found["expected"] == pytest.approx(row["expected_negativity"], abs=2e-3)
        difference = [found["difference"][name] for name in ("value", "low", "high")]
        expected = [row[name] for name in ("difference", "difference_low", "difference_high")]
        assert difference == pytest.approx(expected, abs=3e-3)


def test_changes_of_queues_equal_the_view(page, planted):
    queues = page.evaluate(
        "callmood.metrics.queueRows(callmood.metrics.filterCalls({}), callmood.metrics.previousPeriod({}).calls)"
    )
    rows = planted.query("SELECT * FROM insights WHERE kind = 'change' AND dimension = 'queue' AND weeks = 4")
    assert len(queues) == len(rows) == 6
    for row in rows:
        [queue] = [queue for queue in queues if queue["name"] == row["value"]]
        assert queue["negativity"] == pytest.approx(row["negativity"], abs=1e-3)
        shown = [queue["change"][name] for name in ("value", "low", "high")]
        assert shown == pytest.approx([row[f"difference{end}"] for end in ("", "_low", "_high")], abs=2e-3)
        cell = page.locator("#queues tr", has_text=row["value"]).locator("td").nth(2)
        is_clear = row["difference_low"] > 0 or row["difference_high"] < 0
        assert (cell.text_content() == "no clear change") == (not is_clear)
        assert (cell.get_attribute("data-tone") is not None) == is_clear


def test_queues_are_sorted_by_each_heading(page):
    page.click("#queues [data-queue-sort=name]")
    names = page.locator("#queues tbody th").all_text_contents()
    assert names == sorted(names)
    assert page.get_attribute("#queues th:has([data-queue-sort=name])", "aria-sort") == "ascending"
    page.click("#queues [data-queue-sort=name]")
    assert page.locator("#queues tbody th").all_text_contents() == names[::-1]
    page.click("#queues [data-queue-sort=change]")
    assert page.locator("#queues tbody th").first.text_content() == "billing"
    assert page.locator("#queues svg.weeks path").count() == 6


FILTERS = {
    "queue": ("sales", "queue = 'sales'"),
    "agent": ("a07", "agent_id = 'a07'"),
    "direction": ("outbound", "direction = 'outbound'"),
    "language": ("fr-FR", "language = 'fr-FR'"),
    "label": ("product=tv", "labels = 'product=tv'"),
    "weekday": ("3", "weekday = 3"),
    "hour": ("10", "hour = 10"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filter_selects_calls_and_is_a_chip_in_the_address(page, planted, name):
    value, condition = FILTERS[name]
    if name not in ("queue", "agent"):
        page.click("#filters summary")
    page.select_option(f"[name={name}]", value)
    assert state(page) == {name: value}
    assert len(chips(page)) == 1
    calls = planted.query(f"SELECT COUNT(*) AS n FROM calls WHERE call_date >= '2026-10-19' AND {condition}")[0]["n"]
    assert page.text_content("#metric-calls .value") == str(calls)
    page.reload()
    expect(page.locator("#metric-calls .value")).to_have_text(str(calls))
    page.locator("#chips a").click()
    assert state(page) == {}


def test_customer_filter_and_search_by_words(page, planted):
    page.click("#filters summary")
    page.fill("[name=customer]", "c17")
    page.press("[name=customer]", "Enter")
    calls = planted.query("SELECT COUNT(*) AS n FROM calls WHERE call_date >= '2026-10-19' AND customer_id = 'c17'")
    assert page.text_content("#metric-calls .value") == str(calls[0]["n"])
    page.click("#clear")
    page.fill("#search", "billing outbound tv")
    count = planted.query(
        "SELECT COUNT(*) AS n FROM calls WHERE call_date >= '2026-10-19' AND queue = 'billing' "
        "AND direction = 'outbound' AND labels = 'product=tv'"
    )[0]["n"]
    assert page.text_content("#result-count").endswith(f"of {count} calls")


def test_headline_figures_legend_cells_and_dots_set_filters(page):
    page.click("#metric-attention .value a")
    assert state(page) == {"review": "1"}
    page.click("#metric-escalated .value a")
    assert state(page) == {"review": "1", "flag": "escalated"}
    page.click("#clear")
    page.click("#emotion-mix a:has-text('anger')")
    assert state(page) == {"emotion": "anger"}
    page.click("#clear")
    page.click("#weekday-hour .mark-rect path >> nth=0")
    assert set(state(page)) == {"weekday", "hour"}
    page.click("#clear")
    page.wait_for_selector("#trend .mark-symbol path")
    page.click("#trend .mark-symbol path >> nth=3")
    assert state(page)["from"] == state(page)["to"]


def test_calls_without_a_known_start_are_marked(page, planted):
    page.select_option("[name=days]", "all")
    assert page.text_content("#marks").startswith("7 calls have no known start")
    page.click("#marks a")
    assert page.text_content("#result-count") == "1 to 7 of 7 calls"


def test_usual_range_has_the_weeks_of_the_store(page):
    assert "per week (8 weeks)" in page.text_content("#metric-negativity .usual")


def test_group_of_few_calls_shows_only_their_number(open_page, planted_site, planted):
    """The figures, the period before, rows, dots, cells, and their tooltips."""
    rare = planted.query(
        "SELECT agent_id, hour, COUNT(*) AS n FROM calls WHERE call_date >= '2026-10-19' "
        "GROUP BY agent_id, hour HAVING n = 3 ORDER BY agent_id, hour LIMIT 1"
    )[0]
    with open_page(page_url(planted_site, state=f"agent={rare['agent_id']}&hour={rare['hour']}")) as page:
        page.wait_for_function("document.querySelector('#metric-calls .value')?.textContent === '3'")
        for name in ("attention", "negativity", "escalated", "recovered"):
            assert page.text_content(f"#metric-{name} .value") == "\N{EN DASH}"
        assert page.locator("#queues .meter, #agents .difference, .chart svg").count() == 0
        assert "Fewer than 5 calls" in page.text_content("#weekday-hour")
