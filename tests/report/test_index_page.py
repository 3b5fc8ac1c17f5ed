"""The index page in Chromium: its metrics equal those of the views, and each control works."""

import pytest
from playwright.sync_api import expect
from report_site import build_site, page_url
from synthetic_store import QUEUES, create_store

TOTALS = """
SELECT COUNT(*) AS calls, SUM(negative_s) / SUM(customer_emotion_s) AS negativity,
  COUNTIF(needs_attention) / COUNT(*) AS attention, COUNTIF(escalated) / COUNT(*) AS escalated,
  COUNTIF(recovered) / NULLIF(COUNTIF(is_negative_call), 0) AS recovered,
  COUNTIF(needs_attention) AS attention_calls, COUNTIF(escalated) AS escalated_calls,
  COUNTIF(recovered) AS recovered_calls, COUNTIF(is_negative_call) AS negative_calls,
  SUM(p_anger * customer_emotion_s) / SUM(customer_emotion_s) AS anger
FROM calls WHERE {where}
"""
RATIOS = ("attention", "negativity", "escalated", "recovered")


def shown_metrics(page):
    return {name: page.text_content(f"#metric-{name} .value") for name in ("calls", *RATIOS)}


def expected_metrics(store, where="TRUE"):
    """Shares below 20 calls are counts, and percentages below 200 calls are whole."""
    row = store.query(TOTALS.format(where=where))[0]
    shown = {"calls": str(row["calls"]), "negativity": percentage(row["negativity"], row["calls"])}
    for name in ("attention", "escalated", "recovered"):
        count, whole = row[f"{name}_calls"], row["negative_calls"] if name == "recovered" else row["calls"]
        shown[name] = f"{count} of {whole}" if 0 < whole < 20 else percentage(row[name], whole)
    return shown


def percentage(ratio, calls):
    return "\N{EN DASH}" if ratio is None else f"{100 * ratio:.{0 if calls < 200 else 1}f}%"


def state(page):
    return page.evaluate("callmood.state.read()")


def listed_calls(page):
    return page.locator("#list tbody th a").all_text_contents()


def test_metrics_equal_the_views(index_page, store):
    index_page.select_option("[name=days]", "all")
    assert shown_metrics(index_page) == expected_metrics(store)


def test_default_period_is_last_four_weeks(index_page, store):
    assert shown_metrics(index_page) == expected_metrics(store, "call_date BETWEEN '2026-10-24' AND '2026-11-20'")


def test_page_loads_the_calls_of_the_period_and_of_those_before_it(open_page, tmp_path, monkeypatch):
    monkeypatch.setattr("callmood.report.batches._BATCH_CALLS", 100)
    store = create_store(tmp_path / "calls.duckdb", calls=300, days=300)
    [compared] = store.query("SELECT COUNT(*) AS n FROM calls WHERE call_date >= '2026-08-22'")
    with open_page(page_url(build_site(tmp_path, store))) as page:
        page.wait_for_selector("#list tbody tr")
        assert compared["n"] <= page.evaluate("callmood.calls.length") <= compared["n"] + 100 < 300
        assert "(13 weeks)" in page.text_content("#metric-negativity .usual")
        page.select_option("[name=days]", "all")
        expect(page.locator("#metric-calls .value")).to_have_text("300")
        assert shown_metrics(page) == expected_metrics(store)
        # The page of a call needs only the calls of the period, for the next and the previous call.
        [shown] = store.query("SELECT COUNT(*) AS n FROM calls WHERE call_date >= '2026-10-24'")
        page.select_option("[name=days]", "28")
        page.click("#list tbody th a")
        page.wait_for_function("callmood.calls")
        assert shown["n"] <= page.evaluate("callmood.calls.length") <= shown["n"] + 100 < 300


def test_calls_are_compared_once_all_are_loaded(index_page):
    publish = "isComplete => { callmood.isComplete = isComplete; window.dispatchEvent(new Event('callschange')); }"
    compared = index_page.locator("#metrics .change").all_text_contents()
    queues = index_page.locator("#queues td.change, #queues td.number.quiet").all_text_contents()
    assert any("change" in text for text in queues)
    index_page.evaluate(publish, False)
    assert set(index_page.locator("#metrics .change").all_text_contents()) == {"loading the previous 28 days"}
    assert index_page.text_content("#metric-negativity .usual") == "usual range: loading"
    assert not any("change" in text for text in index_page.locator("#queues td").all_text_contents())
    index_page.evaluate(publish, True)
    assert index_page.locator("#metrics .change").all_text_contents() == compared


def test_change_without_a_clear_interval_is_not_colored(index_page):
    change = index_page.locator("#metric-negativity .change")
    assert change.text_content() == "no clear change from the previous 28 days"
    assert change.get_attribute("data-tone") is None
    assert "95% interval of the change" in change.get_attribute("title")


def test_emotion_mix_adds_up_to_the_headline(index_page, store):
    index_page.select_option("[name=days]", "all")
    items = index_page.locator("#emotion-mix li:not(.sum)").all_text_contents()
    ratios = {emotion: float(ratio.rstrip("%")) for emotion, ratio in (item.rsplit(" ", 1) for item in items)}
    anger = store.query(TOTALS.format(where="TRUE"))[0]["anger"]
    assert ratios["anger"] == pytest.approx(100 * anger, abs=0.11)
    negative = sum(ratios[emotion] for emotion in ("anger", "disgust", "fear", "sadness"))
    assert f"{negative:.1f}%" == index_page.text_content("#metric-negativity .value")
    assert sum(ratios.values()) == pytest.approx(100)


def test_trend_equals_the_view_by_day(index_page, store):
    trend = index_page.evaluate("callmood.metrics.trend(callmood.calls, callmood.metrics.period({}))")
    days = store.query("SELECT * FROM trends_daily WHERE call_date >= '2026-10-24' ORDER BY call_date")
    shown = [(row["day"], row["calls"], row["negativity"], row["weekNegativity"]) for row in trend if row["calls"]]
    assert len(shown) == len(days)
    for (day, calls, negativity, week_negativity), row in zip(shown, days, strict=True):
        assert (day, calls) == (row["call_date"].isoformat(), row["calls"])
        assert negativity == (pytest.approx(row["negativity"], abs=1e-3) if calls >= 5 else None)
        assert week_negativity == pytest.approx(row["week_negativity"], abs=1e-3)


def test_trend_has_gaps_and_no_week_of_one_day(index_page):
    """Two days with five calls each, a week apart, and then three days in a row."""
    weeks = index_page.evaluate("""() => {
        const call = { duration: 60, emotionDuration: 10, negativeDuration: 2, probabilities: [0, 0, 0, 0, 1, 0] };
        const calls = ["01", "08", "09", "10"].flatMap((day) => Array(5).fill({ ...call, day: `2026-06-${day}` }));
        return callmood.metrics.trend(calls, ["2026-06-01", "2026-06-11"]).map((row) => row.weekNegativity);
    }""")
    assert weeks == [*[None] * 9, pytest.approx(0.2), None]


def test_heat_map_equals_the_view_by_hour(index_page, store):
    cells = index_page.evaluate("callmood.metrics.weekdayHour(callmood.calls)")
    rows = store.query(
        "SELECT weekday, hour, COUNT(*) AS calls, SUM(negative_s) / SUM(customer_emotion_s) AS negativity "
        "FROM calls GROUP BY weekday, hour ORDER BY weekday, hour"
    )
    shown = sorted(((c["weekday"], c["hour"], c["calls"], c["negativity"]) for c in cells), key=lambda cell: cell[:2])
    assert shown == [
        (
            row["weekday"],
            row["hour"],
            row["calls"],
            pytest.approx(row["negativity"], abs=1e-3) if row["calls"] >= 5 else None,
        )
        for row in rows
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


def test_selection_without_calls_states_the_reason(index_page):
    index_page.evaluate("callmood.state.update({ days: '', from: '2020-01-01', to: '2020-01-01' })")
    index_page.wait_for_selector("#result-count:has-text('No call matches.')")
    for section in ("#metrics", "#trend", "#weekday-hour", "#queues tbody", "#agents tbody"):
        assert "no calls with these filters" in index_page.text_content(section).lower()
    assert "0 calls in the previous day" in index_page.text_content("#metric-calls")


def test_agent_with_few_calls_has_no_metrics(open_page, site, store):
    counts = store.query("SELECT agent_id, COUNT(*) AS n FROM calls GROUP BY agent_id ORDER BY n")
    few, many = counts[0], counts[-1]
    assert few["n"] < 5 <= many["n"]
    with open_page(page_url(site, state=f"days=all&agent={few['agent_id']}")) as page:
        assert set(list(shown_metrics(page).values())[1:]) == {"\N{EN DASH}"}
        assert page.locator("#emotion-mix li").count() == 0
        assert "fewer than 5 calls" in page.text_content("#agents tbody")
        assert "Fewer than 5 calls" in page.text_content("#trend")
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
    assert "Negativity" in index_page.get_attribute("#trend .chart", "aria-label")


@pytest.mark.parametrize("queue", QUEUES)
def test_back_button_reverts_a_link(index_page, queue):
    index_page.click(f"#queues a:has-text('{queue}')")
    index_page.go_back()
    assert state(index_page) == {}
    assert index_page.input_value("[name=queue]") == ""


@pytest.mark.parametrize(
    "state",
    ["days=abc", "days=1e9", "from=foo", "from=2026-11-31", "from=1026-11-02", "flag=constructor", "sort=__proto__"],
)
def test_edited_address_shows_the_calls(open_page, site, state):
    with open_page(page_url(site, state=state)) as page:
        page.wait_for_selector("#list tbody tr")
        page.wait_for_selector("#trend svg")


def test_period_in_reverse_order_is_the_period(open_page, site):
    with open_page(page_url(site, state="from=2026-11-20&to=2026-11-02")) as page:
        page.wait_for_selector("#list tbody tr")
        assert page.input_value("[name=from]") == "2026-11-02"
        assert page.input_value("[name=to]") == "2026-11-20"


def test_year_can_be_typed(open_page, site):
    with open_page(page_url(site, state="from=2026-11-02&to=2026-11-20")) as page:
        page.wait_for_selector("#list tbody tr")
        page.focus("[name=from]")
        page.keyboard.type("11032026")  # month, day, year
        page.wait_for_function("location.hash.includes('from=2026-11-03')")
