"""A head of customer service has one minute: what became worse, where, how it sounds, and a note to a colleague."""

import numpy as np
import pytest
import soundfile
from call_sums import create_planted_store, generate_calls, plant_faults
from report_site import build_site, page_url

MAX_CLICKS = 5


@pytest.fixture(scope="module")
def planted_site(tmp_path_factory):
    """The report of a store in which the queue billing became worse on 2 November, with audio of its worst calls."""
    folder = tmp_path_factory.mktemp("planted")
    calls = plant_faults(generate_calls(1, calls=3000))
    paths = [str(folder / f"{key}.wav") for key in calls["recording_id"]]
    store = create_planted_store(
        folder / "calls.duckdb", calls, bucket="", object=paths, uri=[f"file://{path}" for path in paths]
    )
    for row in store.query(
        "SELECT uri, duration_s FROM calls WHERE queue = 'billing' AND call_date >= '2026-11-02' AND needs_attention"
    ):
        tone = 0.1 * np.sin(np.arange(int(8000 * row["duration_s"])) / 5)
        soundfile.write(row["uri"].removeprefix("file://"), np.stack([tone, tone], 1), 8000, subtype="PCM_16")
    return build_site(folder, store)


def test_fault_is_found_played_noted_and_shared_with_five_clicks(open_page, planted_site):
    with open_page(page_url(planted_site), is_new=True) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        clicks = []

        def click(selector):
            clicks.append(selector)
            page.locator(selector).first.click()

        # What became worse, and where.
        page.wait_for_selector("#insights a")
        sentence = page.locator("#insights a", has_text="billing").first.text_content()
        assert sentence.startswith("billing: negative ")
        click("#insights a:has-text('billing')")
        queues = page.locator("#list td.queue")
        assert set(queues.all_text_contents()) == {"billing"}
        assert page.locator("#metric-negativity .change").get_attribute("data-tone") == "worse"

        # Listen to the worst moment of the first call.
        call = page.get_attribute("#list tbody tr", "data-call")
        moment = page.evaluate("id => callmood.calls.find((call) => call.id === id).peakStart", call)
        click("#list .play")
        page.wait_for_function("t => document.querySelector('audio').currentTime > t", arg=max(0, moment - 3) + 0.2)
        assert not page.evaluate("document.querySelector('audio').paused")

        # Add a note, and copy the link to the moment.
        click("#player-call a")
        page.wait_for_selector("body[data-state=loaded]")
        click("#review [name=note]")
        page.keyboard.type("Two invoices for one order.")
        click("#copy-link")
        page.wait_for_selector("#copy-link:has-text('Link copied')")
        link = page.evaluate("navigator.clipboard.readText()")

        # A colleague opens the link; the note remains.
        page.goto("about:blank")
        page.goto(link)
        page.wait_for_selector("body[data-state=loaded]")
        assert abs(page.evaluate("callmood.player.position") - max(0, moment - 3)) < 15
        assert page.input_value("#review [name=note]") == "Two invoices for one order."
        page.click("#back")
        page.wait_for_selector(f"#list tr[data-call='{call}'] .review")
    assert len(clicks) <= MAX_CLICKS
