"""A real Chromium, and reports for it to look at."""

import os
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
from browser import CHROMIUM, QUIET
from built import address, report
from made import make_store
from playwright.sync_api import sync_playwright

PLAYED_CALLS = (195, 196, 197, 198, 199)


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        missing = "needs Chromium on the PATH (Debian: apt-get install chromium)"
        if os.environ.get("CALLMOOD_REQUIRE_STACK") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses root a sandbox
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def look(chromium):
    """Open a page in a fresh window. What it prints to the console, throws, or asks of another place fails the test."""
    complaints = []

    @contextmanager
    def opened(address, **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(15_000)
        page = context.new_page()
        home = address.split("/")[2]
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "request", lambda r: r.url.startswith("data:") or r.url.split("/")[2] == home or complaints.append(r.url)
        )
        page.goto(address)
        yield page
        context.close()

    yield opened
    assert complaints == []


@pytest.fixture(scope="session")
def center(tmp_path_factory):
    """A call center's six weeks, 200 calls, of which the last few can be heard: telephone sound, 8 kHz mu-law."""
    folder = tmp_path_factory.mktemp("center")
    store = make_store(folder / "calls.duckdb", folder=folder / "audio")
    lengths = store.query("SELECT object, duration_s FROM recordings_current ORDER BY object")
    (folder / "audio").mkdir()
    for row in lengths:
        if any(row["object"].endswith(f"/{number}.wav") for number in PLAYED_CALLS):
            tone = 0.1 * np.sin(np.arange(int(8000 * row["duration_s"])) / 5)
            soundfile.write(row["object"], np.stack([tone, tone], 1), 8000, format="WAV", subtype="ULAW")
    return store


@pytest.fixture(scope="session")
def center_report(center, tmp_path_factory):
    return report(tmp_path_factory.mktemp("out"), center)


@pytest.fixture
def first_page(look, center_report):
    with look(address(center_report)) as page:
        page.wait_for_selector("#week svg")
        yield page
