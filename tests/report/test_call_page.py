"""The page of one call in Chromium: lanes, audio, mouse, and keyboard."""

import re
from importlib.resources import files

import duckdb
import numpy as np
import soundfile
from playwright.sync_api import expect
from report_site import build_site, page_url
from synthetic_store import create_store

from callmood.cli.output import clock
from callmood.resources import SCHEMAS
from callmood.types import EMOTIONS

CALL_WITH_AUDIO = f"{199:032x}"


def wait_loaded(page, call=CALL_WITH_AUDIO):
    page.wait_for_selector("body[data-state=loaded]")
    page.wait_for_selector("#quarters svg")
    assert page.evaluate("callmood.state.read().call") == call
    return page


def wait_audio(page):
    page.wait_for_function("document.querySelector('audio').readyState > 0")


def wait_playing(page, after):
    page.wait_for_function(
        "t => document.querySelector('audio').currentTime > t && !document.querySelector('audio').paused", arg=after
    )


def test_call_appears_before_the_list_of_calls_and_without_the_chart_library(open_page, site):
    names = []
    with open_page(page_url(site, "call.html", "call=none"), is_new=True) as page:
        page.wait_for_function("callmood.calls !== undefined")
        page.on("request", lambda request: names.append("/".join(request.url.split("/")[-2:])))
        page.goto("about:blank")
        page.goto(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}"))
        wait_loaded(page)
        expect(page.locator("#position")).not_to_be_empty()
    before_list = names[: names.index("data/manifest.js")]
    assert sum((site / name).stat().st_size for name in before_list if name.startswith("assets/")) < 120_000
    assert [name.split("-")[0] for name in before_list if name.startswith("data/")] == [
        "data/details",
        "data/reviews.js",
    ]


def test_navigation_between_list_and_calls_keeps_the_filters(index_page):
    index_page.select_option("[name=queue]", "billing")
    index_page.click("#list tbody tr:nth-child(2) th a")
    index_page.wait_for_selector("body[data-state=loaded]")
    expect(index_page.locator("#position")).to_have_text(re.compile("^2 of "))
    name = index_page.text_content("h1")
    index_page.click("#next-call")
    expect(index_page.locator("#position")).to_have_text(re.compile("^3 of "))
    expect(index_page.locator("h1")).not_to_have_text(name)
    index_page.click("#back")
    index_page.wait_for_selector("#list tbody tr")
    expect(index_page.locator("[name=queue]")).to_have_value("billing")


def test_worst_moment_in_the_list_opens_the_call_at_that_moment(index_page, store):
    peak = store.query(
        "SELECT recording_id, peak_start_s FROM calls WHERE needs_attention AND call_date >= '2026-10-24' "
        "ORDER BY negativity DESC LIMIT 1"
    )[0]
    index_page.click("#list tbody tr:nth-child(1) td.peak a")
    wait_loaded(index_page, peak["recording_id"])
    assert abs(index_page.evaluate("callmood.player.position") - peak["peak_start_s"]) < 0.06


def test_lanes_show_each_segment_with_its_emotion(open_page, site, store):
    rows = store.query(
        "SELECT role, emotion FROM segments_current WHERE recording_id = @id ORDER BY start_s", {"id": CALL_WITH_AUDIO}
    )
    with open_page(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}")) as page:
        wait_loaded(page)
        for role in ("agent", "customer"):
            shown = page.eval_on_selector_all(f"[data-role={role}] .segment", "all => all.map(b => b.dataset.emotion)")
            assert shown == [row["emotion"] or "talk" for row in rows if row["role"] == role]


def test_interruptions_are_marked_on_their_segments(open_page, site, store):
    rows = store.query("SELECT recording_id, interrupted_by, start_s FROM interruptions ORDER BY start_s")
    call = rows[0]["recording_id"]
    expected = [(row["interrupted_by"], row["start_s"]) for row in rows if row["recording_id"] == call]
    with open_page(page_url(site, "call.html", f"call={call}&days=all")) as page:
        wait_loaded(page, call)
        marked = page.locator(".segment[data-interrupts]")
        assert marked.count() == len(expected)
        labels = marked.evaluate_all("all => all.map(b => b.ariaLabel)")
        for role, start in expected:
            prefix = f"{role.title()}, {clock(start)} to "
            assert any(label.startswith(prefix) and label.endswith(", interrupts") for label in labels)


def test_tooltip_of_a_segment_shows_its_probabilities(open_page, site, store):
    row = store.query(
        "SELECT start_s, p_anger FROM segments_current WHERE recording_id = @id AND role = 'customer' "
        "ORDER BY duration_s DESC LIMIT 1",
        {"id": CALL_WITH_AUDIO},
    )[0]
    with open_page(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}")) as page:
        wait_loaded(page)
        page.hover(f".segment[aria-label*='{clock(row['start_s'])} to ']")
        assert f"anger{100 * row['p_anger']:.0f}%" in page.text_content("#tooltip")


def test_click_on_a_segment_plays_it_and_moves_the_playhead(open_page, site):
    with open_page(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}")) as page:
        wait_loaded(page)
        wait_audio(page)
        page.locator("[data-role=customer] .segment").nth(3).click()
        start = page.evaluate("callmood.player.position")
        assert start > 5
        wait_playing(page, start + 0.3)
        before = page.evaluate("parseFloat(document.querySelector('#playhead').style.left)")
        page.wait_for_function("x => parseFloat(document.querySelector('#playhead').style.left) > x", arg=before)
        assert page.locator(".segment[data-current]").count() >= 1


def test_keys_move_between_worst_moments_of_a_call_unless_disabled(open_page, site, store):
    rows = store.query("SELECT recording_id, start_s FROM worst_moments WHERE rank_in_call <= 12 ORDER BY start_s")
    call = next(m["recording_id"] for m in rows if sum(n["recording_id"] == m["recording_id"] for n in rows) >= 3)
    times = [round(max(0, row["start_s"] - 3), 2) for row in rows if row["recording_id"] == call]
    with open_page(page_url(site, "call.html", f"call={call}&days=all")) as page:
        wait_loaded(page, call)
        positions = []
        for key in (".", ".", ",", ".", "."):
            page.keyboard.press(key)
            positions.append(round(page.evaluate("callmood.player.position"), 2))
        assert positions == [times[0], times[1], times[0], times[1], times[2]]
        page.evaluate("document.querySelector('.shortcuts').open = true")
        page.uncheck("#shortcuts")
        page.keyboard.press(".")
        assert round(page.evaluate("callmood.player.position"), 2) == times[2]


def listed_moments(page):
    """Return the calls of the list that have a worst moment, in its order: id and start of the moment."""
    return page.evaluate(
        """() => { const state = callmood.state.read();
                   return callmood.metrics.search(state, callmood.metrics.filterCalls(state))
                     .filter((call) => call.hasMoment).map((call) => [call.id, call.peakStart]); }"""
    )


def test_play_button_of_a_row_starts_before_the_moment_and_n_plays_the_next_call(index_page, store):
    index_page.select_option("[name=days]", "all")
    index_page.fill("#search", "1199")
    index_page.wait_for_function("document.querySelectorAll('#list tbody tr').length === 1")
    [peak] = store.query("SELECT peak_start_s, peak_negativity FROM calls WHERE call_id = '1199'")
    index_page.click("#list tbody tr .play")
    wait_playing(index_page, max(0, peak["peak_start_s"] - 3) - 0.1 if peak["peak_negativity"] >= 0.5 else 0)


def test_n_plays_the_moments_of_the_list_one_after_the_other(index_page):
    moments = listed_moments(index_page)
    for call, start in moments[:3]:
        index_page.keyboard.press("n")
        index_page.wait_for_function("id => callmood.player.call?.id === id", arg=call)
        assert abs(index_page.evaluate("callmood.player.position") - max(0, start - 3)) < 0.06
        assert index_page.get_attribute("#list tr[data-playing]", "data-call") == call


def test_n_on_a_call_page_opens_the_moment_of_the_next_call(open_page, site):
    with open_page(page_url(site)) as page:
        page.wait_for_selector("#list tbody tr")
        moments = listed_moments(page)
    with open_page(page_url(site, "call.html", f"call={moments[0][0]}")) as page:
        wait_loaded(page, moments[0][0])
        page.wait_for_selector("#next-call:not([hidden])")
        page.keyboard.press("n")
        wait_loaded(page, moments[1][0])
        page.wait_for_function("t => Math.abs(callmood.player.position - t) < 0.06", arg=max(0, moments[1][1] - 3))
        page.keyboard.press("p")
        wait_loaded(page, moments[0][0])


def test_player_has_speeds_steps_and_a_link_to_the_moment(open_page, site):
    with open_page(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}&t=40"), is_new=True) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        wait_loaded(page)
        wait_audio(page)
        page.click("#forward")
        page.click("#forward")
        page.click("#rewind")
        assert page.evaluate("callmood.player.position") == 50
        page.select_option("#speed", "1.5")
        assert page.evaluate("document.querySelector('audio').playbackRate") == 1.5
        page.click("#copy-link")
        page.wait_for_selector("#copy-link:has-text('Link copied')")
        link = page.evaluate("navigator.clipboard.readText()")
        page.goto("about:blank")
        page.goto(link)
        wait_loaded(page)
        assert page.evaluate("callmood.player.position") == 50


def test_return_to_the_list_keeps_the_scroll_position(index_page):
    index_page.set_viewport_size({"width": 1280, "height": 500})
    index_page.locator("#list tbody tr:nth-child(30) th a").scroll_into_view_if_needed()
    position = "document.querySelector('#list tbody tr:nth-child(30)').getBoundingClientRect().top"
    before = index_page.evaluate(position)
    assert index_page.evaluate("scrollY") > 500
    index_page.click("#list tbody tr:nth-child(30) th a")
    index_page.wait_for_selector("body[data-state=loaded]")
    index_page.click("#back")
    index_page.wait_for_selector("#weekday-hour svg")
    index_page.wait_for_function(f"y => Math.abs({position} - y) < 5", arg=before)


def test_three_most_reliable_moments_are_first_and_uncertain_ones_are_marked(open_page, tmp_path):
    store = create_store(tmp_path / "calls.duckdb", calls=20, days=5)
    [row] = store.query(
        "SELECT recording_id FROM worst_moments GROUP BY recording_id HAVING COUNT(*) >= 5 ORDER BY 1 LIMIT 1"
    )
    moments = store.query(
        "SELECT segment_id, start_s FROM worst_moments WHERE recording_id = @recording_id ORDER BY rank_in_call", row
    )
    with duckdb.connect(str(store.path)) as connection:
        uncertain = [moments[i]["segment_id"] for i in range(len(moments)) if i not in (1, 2)]
        connection.execute("UPDATE segments SET emotion = 'uncertain' WHERE segment_id IN ?", [uncertain])
    call = row["recording_id"]
    with open_page(page_url(build_site(tmp_path, store), "call.html", f"call={call}")) as page:
        wait_loaded(page, call)
        shown = page.locator("#worst-moments button").all_text_contents()
        ranked = [clock(moments[i]["start_s"]) for i in (1, 2, 0)]
        assert [text.startswith(time) for text, time in zip(shown, ranked, strict=True)] == [True] * 3
        assert ["uncertain" in text for text in shown] == [False, False, True]
        page.click("#more-moments summary")
        assert page.locator("#more-moments button").count() == min(len(moments), 12) - 3


def test_reason_shows_figures_beside_their_thresholds(open_page, site, store):
    [call] = store.query("SELECT * FROM calls WHERE needs_attention AND escalated ORDER BY negativity DESC LIMIT 1")
    with open_page(page_url(site, "call.html", f"call={call['recording_id']}&days=all")) as page:
        wait_loaded(page, call["recording_id"])
        rows = page.locator("#why tbody tr").all_text_contents()
        assert f"Negativity in the last third{100 * call['negativity_end']:.0f}%40%reached" in rows
        assert f"+{100 * call['negativity_change']:.0f} points" in "".join(rows)
        assert call["attention_reason"] in page.text_content("#why p")


def test_thresholds_of_the_page_are_those_of_the_view():
    sql = (SCHEMAS / "views/unstored_metrics.sql").read_text(encoding="utf-8")
    script = (files("callmood.report") / "static/why.js").read_text(encoding="utf-8")
    for name, condition in (
        ("NEGATIVE", "worst_third >= {}"),
        ("NEGATIVE", "negativity_end >= {}"),
        ("CHANGE", "negativity_change >= {}"),
        ("ANGER_S", "anger_s >= {}"),
    ):
        value = re.search(rf"const {name} = ([\d.]+);", script)[1]
        assert condition.format(value) in sql


def test_segments_are_operable_by_keyboard(open_page, site):
    with open_page(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}")) as page:
        wait_loaded(page)
        wait_audio(page)
        page.focus(".segment[tabindex='0']")
        focused = "document.activeElement.dataset.index"
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


def test_space_plays_and_pauses(open_page, site):
    with open_page(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}")) as page:
        wait_loaded(page)
        wait_audio(page)
        page.keyboard.press("Space")
        wait_playing(page, 0)
        page.keyboard.press("Space")
        page.wait_for_function("document.querySelector('audio').paused")


def test_zoom_widens_the_lanes_and_keeps_the_playhead_visible(open_page, site):
    with open_page(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}&t=100")) as page:
        wait_loaded(page)
        width = page.evaluate("document.querySelector('#track').clientWidth")
        for _ in range(3):
            page.click("#zoom-in")
        assert abs(page.evaluate("document.querySelector('#track').clientWidth") - 8 * width) <= 8
        assert page.evaluate(
            """() => { const box = document.querySelector('#scroller').getBoundingClientRect();
                       const head = document.querySelector('#playhead').getBoundingClientRect();
                       return head.left >= box.left && head.right <= box.right; }"""
        )


def test_recording_in_an_unsupported_codec_plays_as_mp3_copy(open_page, tmp_path):
    store = create_store(tmp_path / "calls.duckdb", calls=1, days=1, folder=tmp_path, codec="gsm_ms")
    duration = store.query("SELECT duration_s FROM calls")[0]["duration_s"]
    tone = 0.1 * np.sin(np.arange(int(8000 * duration)) / 5)
    soundfile.write(tmp_path / "0.wav", tone, 8000, format="WAV", subtype="GSM610")
    site = build_site(tmp_path, store)
    with open_page(page_url(site, "call.html", f"call={0:032x}")) as page:
        wait_loaded(page, f"{0:032x}")
        wait_audio(page)
        assert abs(page.evaluate("document.querySelector('audio').duration") - duration) < 0.2
        page.locator(".segment").nth(4).click()
        wait_playing(page, page.evaluate("callmood.player.position"))


def test_missing_recording_shows_a_message_and_lanes_still_work(open_page, site):
    with open_page(page_url(site, "call.html", f"call={3:032x}&days=all")) as page:
        wait_loaded(page, f"{3:032x}")
        assert "Recording not found" in page.text_content("#audio-message")
        assert page.is_hidden("audio")
        page.locator(".segment").nth(4).click()
        assert page.evaluate("callmood.player.position") > 0


def test_call_of_one_channel_states_why_it_has_no_emotion(open_page, tmp_path):
    nothing = dict.fromkeys(("emotion", "confidence", *(f"p_{emotion}" for emotion in EMOTIONS)))
    store = create_store(tmp_path / "calls.duckdb", calls=1, days=1, role="unknown", **nothing)
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("UPDATE recordings SET unknown_talk_s = 30, agent_talk_s = NULL, customer_talk_s = NULL")
    with open_page(page_url(build_site(tmp_path, store), "call.html", f"call={0:032x}")) as page:
        page.wait_for_selector("body[data-state=loaded]")
        assert "its one channel could not be separated" in page.text_content("#why")
        for figure in ("#quarters", "#worst-moments"):
            assert page.text_content(figure) == "No emotion was inferred in this call."


def test_unknown_call_is_reported_as_not_found(open_page, site):
    with open_page(page_url(site, "call.html", "call=../../../etc/passwd")) as page:
        assert page.text_content("h1") == "Call not found"
        assert page.is_visible("p.not-found a")


def test_table_contains_all_segments(open_page, site, store):
    [row] = store.query("SELECT segment_count FROM calls WHERE recording_id = @id", {"id": CALL_WITH_AUDIO})
    with open_page(page_url(site, "call.html", f"call={CALL_WITH_AUDIO}")) as page:
        wait_loaded(page)
        page.click("summary:has-text('All segments')")
        assert page.locator("#segments tbody tr").count() == row["segment_count"]
