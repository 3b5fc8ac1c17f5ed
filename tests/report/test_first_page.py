"""The first page in a real browser: what it shows is what the views say, and every control does what it promises."""

import pytest
from built import address
from made import QUEUES
from playwright.sync_api import expect

TOTALS = """
SELECT COUNT(*) AS calls, SUM(negative_s) / SUM(customer_emotion_s) AS negativity,
  COUNTIF(needs_attention) / COUNT(*) AS attention, COUNTIF(escalated) / COUNT(*) AS escalated,
  COUNTIF(recovered) / NULLIF(COUNTIF(is_negative_call), 0) AS recovered,
  SUM(anger_s) / SUM(customer_emotion_s) AS anger
FROM calls WHERE {where}
"""


def headline(page):
    return {name: page.text_content(f"#figure-{name} .value") for name in ("calls", *SHARES)}


SHARES = ("attention", "negativity", "escalated", "recovered")


def expected(store, where="TRUE"):
    row = store.query(TOTALS.format(where=where))[0]
    shares = {name: "\N{EN DASH}" if row[name] is None else f"{100 * row[name]:.1f}%" for name in SHARES}
    return {"calls": str(row["calls"]), **shares}


def state(page):
    return page.evaluate("callmood.state.read()")


def listed(page):
    return page.locator("#list tbody th a").all_text_contents()


def test_headline_figures_are_the_views(first_page, center):
    first_page.select_option("[name=days]", "all")
    assert headline(first_page) == expected(center)


def test_it_opens_on_the_last_four_weeks_and_compares_them_with_the_four_before(first_page, center):
    assert headline(first_page) == expected(center, "call_date BETWEEN '2026-10-24' AND '2026-11-20'")
    before = center.query(TOTALS.format(where="call_date BETWEEN '2026-09-26' AND '2026-10-23'"))[0]
    now = center.query(TOTALS.format(where="call_date >= '2026-10-24'"))[0]
    points = 100 * (now["negativity"] - before["negativity"])
    said = first_page.text_content("#figure-negativity .change")
    assert said == f"{abs(points):.1f} points {'more' if points > 0 else 'less'} than in the 28 days before"


def test_the_mix_of_emotions_sums_to_one_and_is_the_views(first_page, center):
    first_page.select_option("[name=days]", "all")
    shares = dict(item.rsplit(" ", 1) for item in first_page.locator("#mix li").all_text_contents())
    assert shares["anger"] == f"{100 * center.query(TOTALS.format(where='TRUE'))[0]['anger']:.0f}%"
    assert 97 <= sum(int(share.rstrip("%")) for share in shares.values()) <= 103


def test_the_trend_is_the_view_by_day(first_page, center):
    drawn = first_page.evaluate("callmood.figures.trend(callmood.calls, callmood.figures.period({}))")
    days = center.query("SELECT * FROM trends_daily WHERE call_date >= '2026-10-24' ORDER BY call_date")
    shown = [(row["day"], row["calls"], row["negativity"], row["week"]) for row in drawn if row["calls"]]
    assert shown == [
        (day["call_date"].isoformat(), day["calls"], pytest.approx(day["negativity"], abs=1e-3),
         pytest.approx(day["week_negativity"], abs=1e-3)) for day in days
    ]  # fmt: skip


def test_the_heat_map_is_the_view_by_hour(first_page, center):
    drawn = first_page.evaluate("callmood.figures.week(callmood.calls)")
    cells = center.query(
        "SELECT weekday, hour, SUM(calls) AS calls, SUM(negative_s) / SUM(customer_emotion_s) AS negativity "
        "FROM emotion_hourly GROUP BY weekday, hour ORDER BY weekday, hour"
    )
    assert sorted((c["weekday"], c["hour"], c["calls"], c["negativity"]) for c in drawn) == [
        (cell["weekday"], cell["hour"], cell["calls"], pytest.approx(cell["negativity"], abs=1e-3)) for cell in cells
    ]


def test_a_queue_acts_on_everything_and_stands_in_the_address(first_page, center):
    charts = [first_page.inner_html(box) for box in ("#trend", "#week")]
    first_page.select_option("[name=queue]", "sales")
    assert headline(first_page) == expected(center, "queue = 'sales' AND call_date >= '2026-10-24'")
    first_page.wait_for_function("before => document.querySelector('#trend').innerHTML !== before", arg=charts[0])
    first_page.wait_for_function("before => document.querySelector('#week').innerHTML !== before", arg=charts[1])
    assert first_page.locator("#queues tbody th").all_text_contents() == ["sales"]
    assert set(first_page.locator("#list td.queue").all_text_contents()) == {"sales"}
    assert state(first_page) == {"queue": "sales"}
    seen = headline(first_page)
    first_page.reload()
    assert headline(first_page) == seen
    assert first_page.input_value("[name=queue]") == "sales"
    first_page.click("#clear")
    assert headline(first_page) == expected(center, "call_date >= '2026-10-24'")


def test_days_can_be_chosen(first_page, center):
    first_page.fill("[name=from]", "2026-11-02")
    first_page.fill("[name=to]", "2026-11-06")
    first_page.dispatch_event("[name=to]", "change")
    assert headline(first_page) == expected(center, "call_date BETWEEN '2026-11-02' AND '2026-11-06'")
    assert state(first_page) == {"from": "2026-11-02", "to": "2026-11-06"}
    assert first_page.text_content("#period") == "Mon, 2 Nov 2026 to Fri, 6 Nov 2026"


def test_an_agent_with_few_calls_shows_no_figures(open_page, center_report, center):
    counts = center.query("SELECT agent_id, COUNT(*) AS n FROM calls GROUP BY agent_id ORDER BY n")
    few, many = counts[0], counts[-1]
    assert few["n"] < 5 <= many["n"]
    with open_page(address(center_report, state=f"days=all&agent={few['agent_id']}")) as page:
        assert set(list(headline(page).values())[1:]) == {"\N{EN DASH}"}
        assert page.locator("#mix li").count() == 0
        assert "fewer than 5 calls" in page.text_content("#agents tbody")
    with open_page(address(center_report, state=f"days=all&agent={many['agent_id']}")) as page:
        assert headline(page) == expected(center, f"agent_id = '{many['agent_id']}'")


def test_queues_are_ranked_and_lead_to_themselves(first_page, center):
    first_page.select_option("[name=days]", "all")
    ranked = center.query(
        "SELECT queue FROM calls GROUP BY queue ORDER BY SUM(negative_s) / SUM(customer_emotion_s) DESC"
    )
    assert first_page.locator("#queues tbody th").all_text_contents() == [row["queue"] for row in ranked]
    first_page.click(f"#queues a:has-text('{ranked[0]['queue']}')")
    expect(first_page.locator("[name=queue]")).to_have_value(ranked[0]["queue"])  # the page hears of it a little later


def test_the_list_is_worst_first_and_sorts_by_every_heading(first_page, center):
    first_page.select_option("[name=days]", "all")
    worst = center.query("SELECT call_id FROM calls WHERE needs_attention ORDER BY negativity DESC LIMIT 3")
    assert listed(first_page)[:3] == [row["call_id"] for row in worst]
    for heading, column in (("when", "started_at"), ("length", "duration_s"), ("negativity", "negativity")):
        first_page.click(f"[data-sort={heading}]")
        for order in ("DESC", "ASC"):
            first = center.query(f"SELECT call_id FROM calls ORDER BY {column} {order} LIMIT 1")[0]["call_id"]
            assert listed(first_page)[0] == first
            assert first_page.get_attribute(f"th:has([data-sort={heading}])", "aria-sort") == f"{order.lower()}ending"
            first_page.click(f"[data-sort={heading}]")
    first_page.click("[data-sort=queue]")
    assert first_page.locator("#list td.queue").all_text_contents() == ["billing"] * 50


def test_search_finds_by_id_and_reason(first_page):
    first_page.select_option("[name=days]", "all")
    first_page.fill("#search", "1107")
    assert listed(first_page) == ["1107"]
    first_page.fill("#search", "angry for")
    assert all("angry for" in reason for reason in first_page.locator("#list td.reason").all_text_contents())
    first_page.fill("#search", "no such thing")
    assert first_page.text_content("#found") == "No call matches."


def test_only_calls_worth_hearing(first_page, center):
    first_page.select_option("[name=days]", "all")
    first_page.check("#only")
    wanted = center.query("SELECT COUNT(*) AS n FROM calls WHERE needs_attention")[0]["n"]
    assert first_page.text_content("#found") == f"1 to {wanted} of {wanted} calls"


def test_pages_of_the_list(first_page):
    first_page.select_option("[name=days]", "all")
    seen = listed(first_page)
    for _ in range(3):
        first_page.click("#next")
        seen += listed(first_page)
    assert len(set(seen)) == len(seen) == 200
    assert first_page.text_content("#found") == "151 to 200 of 200 calls"
    assert first_page.is_disabled("#next")
    first_page.click("#previous")
    assert first_page.text_content("#found") == "101 to 150 of 200 calls"


def test_a_chart_tells_its_figures_to_the_mouse_and_to_a_screen_reader(first_page):
    first_page.hover("#week .mark-rect path >> nth=0")
    assert "negative" in first_page.text_content("#vg-tooltip-element")
    assert "Negative share" in first_page.get_attribute("#trend .chart", "aria-label")


@pytest.mark.parametrize("queue", QUEUES)
def test_the_back_button_undoes_a_link(first_page, queue):
    first_page.click(f"#queues a:has-text('{queue}')")
    first_page.go_back()
    assert state(first_page) == {}
    assert first_page.input_value("[name=queue]") == ""
