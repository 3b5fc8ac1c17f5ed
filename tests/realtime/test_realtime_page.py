"""The real-time page in Chromium, whose microphone plays an example call."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import CHROMIUM_ARGS, CHROMIUM_PATH
from microphone import microphone_options, write_microphone_audio
from realtime_server import run_server


@pytest.fixture(scope="module")
def microphone_browser(chromium, tmp_path_factory):
    """A browser whose microphone plays the customer's angry sentences once, and grants pages microphone access."""
    audio = tmp_path_factory.mktemp("microphone") / "customer.wav"
    write_microphone_audio(audio, 33, 55)
    options = [*CHROMIUM_ARGS, *microphone_options(audio)]
    browser = chromium.browser_type.launch(executable_path=CHROMIUM_PATH, args=options)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def server():
    with run_server() as running:
        yield running


@pytest.fixture
def page(microphone_browser, server):
    unexpected = []
    context = microphone_browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("console", lambda message: unexpected.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: unexpected.append(f"error: {error}"))
    page.on("request", lambda request: request.url.startswith((server.url, "data:")) or unexpected.append(request.url))
    page.goto(server.url)
    yield page
    context.close()
    assert unexpected == []


def test_page_shows_partial_segments_and_then_the_result(page):
    page.click("text=Start the microphone")
    page.wait_for_selector("#timeline rect.partial:not(.area)")
    page.locator("#segments tr").nth(1).wait_for()
    assert "anger" in page.text_content("#segments")
    assert page.text_content("#toggle") == "Stop"
    assert "percent negative" in page.get_attribute("#timeline svg", "aria-label")
    page.click("text=Stop")
    page.wait_for_selector("#status:has-text('Finished')")
    assert page.locator("#timeline .line").count() == 2
    assert page.locator("#timeline rect.partial").count() == 0
    assert page.text_content("#toggle") == "Start the microphone"
    assert Axe().run(page).response["violations"] == []


def test_page_fits_a_phone(page):
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("#toggle").bounding_box()["height"] >= 44
    assert Axe().run(page).response["violations"] == []


def test_denied_microphone_shows_an_error_message(chromium, server):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(server.url)
    page.click("text=Start the microphone")
    page.wait_for_selector("#status[data-tone=worse]")
    assert "microphone" in page.text_content("#status").lower()
    assert page.is_enabled("#toggle")
    context.close()


def test_page_asks_for_a_credential_if_the_server_requires_one(microphone_browser):
    with run_server(API_KEY="a key of some length") as protected:
        context = microphone_browser.new_context()
        page = context.new_page()
        page.goto(protected.url)
        page.click("text=Start the microphone")
        page.wait_for_selector("#status[data-tone=worse]")
        assert "API key" in page.text_content("#status")
        page.fill("[name=credential]", "a key of some length")
        page.click("text=Start the microphone")
        page.wait_for_selector("#status:has-text('Streaming')")
        context.close()
