"""The live page in Chromium, whose microphone hears an example call."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import CHROMIUM_ARGS, CHROMIUM_PATH
from live_server import running
from microphone import as_microphone, hearing


@pytest.fixture(scope="module")
def ears(chromium, tmp_path_factory):
    """A browser whose microphone plays the customer's angry sentences once, and gives leave to listen."""
    customer = tmp_path_factory.mktemp("microphone") / "customer.wav"
    as_microphone(customer, 33, 55)
    browser = chromium.browser_type.launch(executable_path=CHROMIUM_PATH, args=[*CHROMIUM_ARGS, *hearing(customer)])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def server():
    with running() as found:
        yield found


@pytest.fixture
def page(ears, server):
    complaints = []
    context = ears.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", lambda asked: asked.url.startswith((server.url, "data:")) or complaints.append(asked.url))
    page.goto(server.url)
    yield page
    context.close()
    assert complaints == []


def test_a_voice_is_drawn_while_it_speaks_and_judged_when_it_has_ended(page):
    page.click("text=Start the microphone")
    page.wait_for_selector("#curve rect.unfinished:not(.area)")  # while it is being said
    page.locator("#segments tr").nth(1).wait_for()
    assert "anger" in page.text_content("#segments")
    assert page.text_content("#listen") == "Stop"
    assert "percent negative" in page.get_attribute("#curve svg", "aria-label")
    page.click("text=Stop")
    page.wait_for_selector("#status:has-text('Ended')")
    assert page.locator("#curve .line").count() == 2
    assert page.locator("#curve rect.unfinished").count() == 0
    assert page.text_content("#listen") == "Start the microphone"
    assert Axe().run(page).response["violations"] == []


def test_it_fits_a_phone(page):
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("#listen").bounding_box()["height"] >= 44
    assert Axe().run(page).response["violations"] == []


def test_a_microphone_that_is_refused_is_told_in_words(chromium, server):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(server.url)
    page.click("text=Start the microphone")
    page.wait_for_selector("#status[data-mood=worse]")
    assert "microphone" in page.text_content("#status")
    assert page.is_enabled("#listen")
    context.close()


def test_where_a_key_is_needed_the_page_asks_for_it(ears):
    with running(API_KEY="a key of some length") as locked:
        context = ears.new_context()
        page = context.new_page()
        page.goto(locked.url)
        page.click("text=Start the microphone")
        page.wait_for_selector("#status[data-mood=worse]")
        assert "API key" in page.text_content("#status")
        page.fill("[name=access]", "a key of some length")
        page.click("text=Start the microphone")
        page.wait_for_selector("#status:has-text('Listening')")
        context.close()
