"""Pytest plugin: fixtures that open pages in a real Chromium."""

import os
import shutil
from contextlib import contextmanager

import pytest

CHROMIUM_PATH = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Background requests of Chromium are disabled, so that every request in a test comes from the page.
CHROMIUM_ARGS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium refuses to run sandboxed as root
)


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM_PATH is None:
        missing = "needs Chromium on the PATH (Debian: apt-get install chromium)"
        if os.environ.get("CALLMOOD_REQUIRE_STACK") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM_PATH, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open a page in a new window. Console messages, errors, and requests to other hosts fail the test."""
    problems = []

    @contextmanager
    def open_url(url, **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options})
        context.set_default_timeout(15_000)
        page = context.new_page()
        host = url.split("/")[2]
        page.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("request", lambda r: r.url.startswith("data:") or r.url.split("/")[2] == host or problems.append(r.url))
        page.goto(url)
        yield page
        context.close()

    yield open_url
    assert problems == []
