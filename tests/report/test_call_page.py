"""The page of one call in a real browser: seen, heard, and worked by mouse and by keyboard."""

import numpy as np
import soundfile
from built import address, report
from made import make_store

from callmood.cli.output import clock

HEARD = f"{199:032x}"


def opened(page, call=HEARD):
    page.wait_for_selector("body[data-state=shown]")
    page.wait_for_selector("#quarters svg")
    assert page.evaluate("callmood.state.read().call") == call
    return page


def ready(page):
    page.wait_for_function("document.querySelector('audio').readyState > 0")


def wait_playing(page, after):
    page.wait_for_function(
        "t => document.querySelector('audio').currentTime > t && !document.querySelector('audio').paused", arg=after
    )


def test_from_the_list_to_a_call_and_back(first_page):
    first_page.select_option("[name=queue]", "billing")
    first_page.click("#list tbody tr:nth-child(2) th a")
    first_page.wait_for_selector("body[data-state=shown]")
    assert first_page.text_content("#position").startswith("2 of ")
    name = first_page.text_content("h1")
    first_page.click("#next-call")
    first_page.wait_for_function("name => document.querySelector('h1').textContent !== name", arg=name)
    assert first_page.text_content("#position").startswith("3 of ")
    first_page.click("#back")
    first_page.wait_for_selector("#list tbody tr")
    assert first_page.input_value("[name=queue]") == "billing"


def test_the_worst_moment_in_the_list_opens_the_call_there(first_page, center):
    peak = center.query(
        "SELECT recording_id, peak_start_s FROM calls WHERE needs_attention AND call_date >= '2026-10-24' "
        "ORDER BY negativity DESC LIMIT 1"
    )[0]
    first_page.click("#list tbody tr:nth-child(1) td.peak a")
    opened(first_page, peak["recording_id"])
    assert abs(first_page.evaluate("callmood.player.at") - peak["peak_start_s"]) < 0.06


def test_lanes_show_every_segment_with_its_emotion(open_page, center_report, center):
    rows = center.query(
        "SELECT role, emotion FROM segments_current WHERE recording_id = @id ORDER BY start_s", {"id": HEARD}
    )
    with open_page(address(center_report, "call.html", f"call={HEARD}")) as page:
        opened(page)
        for role in ("agent", "customer"):
            shown = page.eval_on_selector_all(f"[data-role={role}] .segment", "all => all.map(b => b.dataset.emotion)")
            assert shown == [row["emotion"] or "talk" for row in rows if row["role"] == role]


def test_interruptions_are_marked_where_they_happen(open_page, center_report, center):
    found = center.query("SELECT recording_id, interrupted_by, start_s FROM interruptions ORDER BY start_s")
    call = found[0]["recording_id"]
    wanted = [(row["interrupted_by"], row["start_s"]) for row in found if row["recording_id"] == call]
    with open_page(address(center_report, "call.html", f"call={call}&days=all")) as page:
        opened(page, call)
        marked = page.locator(".segment[data-interrupts]")
        assert marked.count() == len(wanted)
        told = marked.evaluate_all("all => all.map(b => b.ariaLabel)")
        for role, start in wanted:
            assert any(t.startswith(f"{role.title()}, {clock(start)} to ") and t.endswith(", interrupts") for t in told)


def test_hovering_a_segment_tells_its_probabilities(open_page, center_report, center):
    row = center.query(
        "SELECT start_s, p_anger FROM segments_current WHERE recording_id = @id AND role = 'customer' "
        "ORDER BY duration_s DESC LIMIT 1",
        {"id": HEARD},
    )[0]
    with open_page(address(center_report, "call.html", f"call={HEARD}")) as page:
        opened(page)
        page.hover(f".segment[aria-label*='{clock(row['start_s'])} to ']")
        assert f"anger{100 * row['p_anger']:.0f}%" in page.text_content("#tooltip")


def test_a_click_on_a_segment_plays_from_there_and_the_playhead_follows(open_page, center_report):
    with open_page(address(center_report, "call.html", f"call={HEARD}")) as page:
        opened(page)
        ready(page)
        page.locator("[data-role=customer] .segment").nth(3).click()
        start = page.evaluate("callmood.player.at")
        assert start > 5
        wait_playing(page, start + 0.3)
        before = page.evaluate("parseFloat(document.querySelector('#playhead').style.left)")
        page.wait_for_function("x => parseFloat(document.querySelector('#playhead').style.left) > x", arg=before)
        assert page.locator(".segment[data-now]").count() >= 1


def test_keys_go_from_worst_moment_to_worst_moment(open_page, center_report, center):
    moments = center.query("SELECT recording_id, start_s FROM worst_moments WHERE rank_in_call <= 12 ORDER BY start_s")
    call = next(m["recording_id"] for m in moments if sum(n["recording_id"] == m["recording_id"] for n in moments) >= 3)
    times = [round(m["start_s"], 2) for m in moments if m["recording_id"] == call]
    with open_page(address(center_report, "call.html", f"call={call}&days=all")) as page:
        opened(page, call)
        seen = []
        for key in ("n", "n", "p", "n", "n"):
            page.keyboard.press(key)
            seen.append(round(page.evaluate("callmood.player.at"), 2))
        assert seen == [times[0], times[1], times[0], times[1], times[2]]
        page.evaluate("document.querySelector('.keys').open = true")
        page.uncheck("#keys")
        page.keyboard.press("n")
        assert round(page.evaluate("callmood.player.at"), 2) == times[2]


def test_segments_are_worked_by_keyboard(open_page, center_report):
    with open_page(address(center_report, "call.html", f"call={HEARD}")) as page:
        opened(page)
        ready(page)
        page.focus(".segment[tabindex='0']")
        focused = "document.activeElement.dataset.number"
        first = page.evaluate(focused)
        page.keyboard.press("ArrowRight")
        assert page.evaluate(focused) != first
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.parentElement.dataset.role") == "customer"
        assert page.locator(".segment[tabindex='0']").count() == 1
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        wait_playing(page, 60)
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.className") == "segment"


def test_space_plays_and_pauses(open_page, center_report):
    with open_page(address(center_report, "call.html", f"call={HEARD}")) as page:
        opened(page)
        ready(page)
        page.keyboard.press("Space")
        wait_playing(page, 0)
        page.keyboard.press("Space")
        page.wait_for_function("document.querySelector('audio').paused")


def test_zoom_spreads_the_lanes_and_keeps_the_playhead_in_view(open_page, center_report):
    with open_page(address(center_report, "call.html", f"call={HEARD}&t=100")) as page:
        opened(page)
        width = page.evaluate("document.querySelector('#track').clientWidth")
        for _ in range(3):
            page.click("#zoom-in")
        assert abs(page.evaluate("document.querySelector('#track').clientWidth") - 8 * width) <= 8
        assert page.evaluate(
            """() => { const box = document.querySelector('#scroller').getBoundingClientRect();
                       const head = document.querySelector('#playhead').getBoundingClientRect();
                       return head.left >= box.left && head.right <= box.right; }"""
        )


def test_a_recording_that_no_browser_plays_is_heard_through_a_copy(open_page, tmp_path):
    store = make_store(tmp_path / "calls.duckdb", calls=1, days=1, folder=tmp_path, codec="gsm_ms")
    length = store.query("SELECT duration_s FROM calls")[0]["duration_s"]
    soundfile.write(
        tmp_path / "0.wav", 0.1 * np.sin(np.arange(int(8000 * length)) / 5), 8000, format="WAV", subtype="GSM610"
    )
    out = report(tmp_path, store)
    with open_page(address(out, "call.html", f"call={0:032x}")) as page:
        opened(page, f"{0:032x}")
        ready(page)
        assert abs(page.evaluate("document.querySelector('audio').duration") - length) < 0.2
        page.locator(".segment").nth(4).click()
        wait_playing(page, page.evaluate("callmood.player.at"))


def test_a_recording_that_is_gone_is_said_to_be_gone(open_page, center_report):
    with open_page(address(center_report, "call.html", f"call={3:032x}&days=all")) as page:
        opened(page, f"{3:032x}")
        assert "no longer where it was" in page.text_content("#no-sound")
        assert page.is_hidden("audio")
        page.locator(".segment").nth(4).click()
        assert page.evaluate("callmood.player.at") > 0


def test_a_call_that_is_not_there(open_page, center_report):
    with open_page(address(center_report, "call.html", "call=../../../etc/passwd")) as page:
        assert page.text_content("h1") == "No such call"
        assert page.is_visible("p.missing a")


def test_every_segment_stands_in_a_table_too(open_page, center_report, center):
    count = center.query("SELECT segment_count FROM calls WHERE recording_id = @id", {"id": HEARD})[0]["segment_count"]
    with open_page(address(center_report, "call.html", f"call={HEARD}")) as page:
        opened(page)
        page.click("summary:has-text('Every segment')")
        assert page.locator("#segments tbody tr").count() == count
