"""The index page in Chromium: its metrics equal those of the views, and each control works."""

import pytest
from playwright.sync_api import expect
from report_site import page_url
from synthetic_store import QUEUES

TOTALS = """
SELECT COUNT(*) AS calls, SUM(negative_s) / SUM(customer_emotion_s) AS negativity,
  COUNTIF(needs_attention) / COUNT(*) AS attention, COUNTIF(escalated) / COUNT(*) AS escalated,
  COUNTIF(recovered) / NULLIF(COUNTIF(is_negative_call), 0) AS recovered,
  SUM(anger_s) / SUM(customer_emotion_s) AS anger
FROM calls WHERE {where}
"""
RATIOS = ("attention", "negativity", "escalated", "recovered")


def shown_metrics(page):
    return {name: page.text_content(f"#metric-{name} .value") for name in ("calls", *RATIOS)}


def expected_metrics(store, where="TRUE"):
    row = store.query(TOTALS.format(where=where))[0]
    ratios = {name: "\N{EN DASH}" if row[name] is None else f"{100 * row[name]:.1f}%" for name in RATIOS}
    return {"calls": str(row["calls"]), **ratios}


def state(page):
    return page.evaluate("callmood.state.read()")


def listed_calls(page):
    return page.locator("#list tbody th a").all_text_contents()


def test_metrics_equal_the_views(index_page, store):
    index_page.select_option("[name=days]", "all")
    assert shown_metrics(index_page) == expected_metrics(store)


def test_default_period_is_last_four_weeks_compared_with_the_previous_four(index_page, store):
    assert shown_metrics(index_page) == expected_metrics(store, "call_date BETWEEN '2026-10-24' AND '2026-11-20'")
    before = store.query(TOTALS.format(where="call_date BETWEEN '2026-09-26' AND '2026-10-23'"))[0]
    now = store.query(TOTALS.format(where="call_date >= '2026-10-24'"))[0]
    points = 100 * (now["negativity"] - before["negativity"])
    change = index_page.text_content("#metric-negativity .change")
    assert change == f"{abs(points):.1f} points {'higher' if points > 0 else 'lower'} than in the previous 28 days"


def test_emotion_mix_equals_the_view_and_sums_to_one(index_page, store):
    index_page.select_option("[name=days]", "all")
    ratios = dict(item.rsplit(" ", 1) for item in index_page.locator("#emotion-mix li").all_text_contents())
    assert ratios["anger"] == f"{100 * store.query(TOTALS.format(where='TRUE'))[0]['anger']:.0f}%"
    assert 97 <= sum(int(ratio.rstrip("%")) for ratio in ratios.values()) <= 103


def test_trend_equals_the_view_by_day(index_page, store):
    trend = index_page.evaluate("callmood.metrics.trend(callmood.calls, callmood.metrics.period({}))")
    days = store.query("SELECT * FROM trends_daily WHERE call_date >= '2026-10-24' ORDER BY call_date")
    shown = [(row["day"], row["calls"], row["negativity"], row["weekNegativity"]) for row in trend if row["calls"]]
    assert shown == [
        (day["call_date"].isoformat(), day["calls"], pytest.approx(day["negativity"], abs=1e-3),
         pytest.approx(day["week_negativity"], abs=1e-3)) for day in days
    ]  # fmt: skip


def test_heat_map_equals_the_view_by_hour(index_page, store):
    cells = index_page.evaluate("callmood.metrics.weekdayHour(callmood.calls)")
    rows = store.query(
        "SELECT weekday, hour, SUM(calls) AS calls, SUM(negative_s) / SUM(customer_emotion_s) AS negativity "
        "FROM emotion_hourly GROUP BY weekday, hour ORDER BY weekday, hour"
    )
    assert sorted((c["weekday"], c["hour"], c["calls"], c["negativity"]) for c in cells) == [
        (row["weekday"], row["hour"], row["calls"], pytest.approx(row["negativity"], abs=1e-3)) for row in rows
    ]


def test_queue_filter_applies_to_all_sections_and_is_in_the_address(index_page, store):
    charts = [index_page.inner_html(chart) for chart in ("#trend", "#weekday-hour")]
    index_page.select_option("[name=queue]", "sales")
    assert shown_metrics(index_page) == expected_metrics(store, "queue = 'sales' AND call_date >= '2026-10-24'")
    index_page.wait_for_function("before => document.querySelector('#trend').innerHTML !== before", arg=charts[0])
    index_page.wait_for_function(
        "before => document.querySelector('#weekday-hour').innerHTML !== before", arg=charts[1]
    )
    assert index_page.locator("#queues tbody th").all_text_contents() == ["sales"]
    assert set(index_page.locator("#list td.queue").all_text_contents()) == {"sales"}
    assert state(index_page) == {"queue": "sales"}
    before_reload = shown_metrics(index_page)
    index_page.reload()
    assert shown_metrics(index_page) == before_reload
    assert index_page.input_value("[name=queue]") == "sales"
    index_page.click("#clear")
    assert shown_metrics(index_page) == expected_metrics(store, "call_date >= '2026-10-24'")


def test_custom_period_filters_by_day(index_page, store):
    index_page.fill("[name=from]", "2026-11-02")
    index_page.fill("[name=to]", "2026-11-06")
    index_page.dispatch_event("[name=to]", "change")
    assert shown_metrics(index_page) == expected_metrics(store, "call_date BETWEEN '2026-11-02' AND '2026-11-06'")
    assert state(index_page) == {"from": "2026-11-02", "to": "2026-11-06"}
    assert index_page.text_content("#period") == "Mon, 2 Nov 2026 to Fri, 6 Nov 2026"


def test_agent_with_few_calls_has_no_metrics(open_page, site, store):
    counts = store.query("SELECT agent_id, COUNT(*) AS n FROM calls GROUP BY agent_id ORDER BY n")
    few, many = counts[0], counts[-1]
    assert few["n"] < 5 <= many["n"]
    with open_page(page_url(site, state=f"days=all&agent={few['agent_id']}")) as page:
        assert set(list(shown_metrics(page).values())[1:]) == {"\N{EN DASH}"}
        assert page.locator("#emotion-mix li").count() == 0
        assert "fewer than 5 calls" in page.text_content("#agents tbody")
    with open_page(page_url(site, state=f"days=all&agent={many['agent_id']}")) as page:
        assert shown_metrics(page) == expected_metrics(store, f"agent_id = '{many['agent_id']}'")


def test_queue_ranking_is_by_negativity_and_links_to_the_queue(index_page, store):
    index_page.select_option("[name=days]", "all")
    ranked = store.query(
        "SELECT queue FROM calls GROUP BY queue ORDER BY SUM(negative_s) / SUM(customer_emotion_s) DESC"
    )
    assert index_page.locator("#queues tbody th").all_text_contents() == [row["queue"] for row in ranked]
    index_page.click(f"#queues a:has-text('{ranked[0]['queue']}')")
    expect(index_page.locator("[name=queue]")).to_have_value(ranked[0]["queue"])  # hashchange fires asynchronously


def test_list_is_by_priority_and_sorts_by_each_heading(index_page, store):
    index_page.select_option("[name=days]", "all")
    worst = store.query("SELECT call_id FROM calls WHERE needs_attention ORDER BY negativity DESC LIMIT 3")
    assert listed_calls(index_page)[:3] == [row["call_id"] for row in worst]
    for heading, column in (("start", "started_at"), ("duration", "duration_s"), ("negativity", "negativity")):
        index_page.click(f"[data-sort={heading}]")
        for order in ("DESC", "ASC"):
            first = store.query(f"SELECT call_id FROM calls ORDER BY {column} {order} LIMIT 1")[0]["call_id"]
            assert listed_calls(index_page)[0] == first
            assert index_page.get_attribute(f"th:has([data-sort={heading}])", "aria-sort") == f"{order.lower()}ending"
            index_page.click(f"[data-sort={heading}]")
    index_page.click("[data-sort=queue]")
    assert index_page.locator("#list td.queue").all_text_contents() == ["billing"] * 50


def test_search_matches_id_and_reason(index_page):
    index_page.select_option("[name=days]", "all")
    index_page.fill("#search", "1107")
    assert listed_calls(index_page) == ["1107"]
    index_page.fill("#search", "angry for")
    assert all("angry for" in reason for reason in index_page.locator("#list td.reason").all_text_contents())
    index_page.fill("#search", "no such thing")
    assert index_page.text_content("#result-count") == "No call matches."


def test_review_filter_lists_only_calls_that_need_attention(index_page, store):
    index_page.select_option("[name=days]", "all")
    index_page.check("#review-only")
    count = store.query("SELECT COUNT(*) AS n FROM calls WHERE needs_attention")[0]["n"]
    assert index_page.text_content("#result-count") == f"1 to {count} of {count} calls"


def test_list_is_paginated(index_page):
    index_page.select_option("[name=days]", "all")
    seen = listed_calls(index_page)
    for _ in range(3):
        index_page.click("#next-page")
        seen += listed_calls(index_page)
    assert len(set(seen)) == len(seen) == 200
    assert index_page.text_content("#result-count") == "151 to 200 of 200 calls"
    assert index_page.is_disabled("#next-page")
    index_page.click("#previous-page")
    assert index_page.text_content("#result-count") == "101 to 150 of 200 calls"


def test_charts_have_tooltips_and_descriptions(index_page):
    index_page.hover("#weekday-hour .mark-rect path >> nth=0")
    assert "negative" in index_page.text_content("#vg-tooltip-element")
    assert "Negative share" in index_page.get_attribute("#trend .chart", "aria-label")


@pytest.mark.parametrize("queue", QUEUES)
def test_back_button_reverts_a_link(index_page, queue):
    index_page.click(f"#queues a:has-text('{queue}')")
    index_page.go_back()
    assert state(index_page) == {}
    assert index_page.input_value("[name=queue]") == ""
