"""Pytest plugin: fixtures that open pages in a real Chromium."""

import json
import os
import shutil
from collections import defaultdict
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

DESKTOP = {"width": 1280, "height": 900}


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


class _Window:
    """A window, and the problems that occurred in it."""

    def __init__(self, browser, options):
        self.context = browser.new_context(**{"locale": "en-GB", **options})
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.problems = []
        self._host = None
        self.page.on("console", lambda message: self.problems.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", self._check_host)

    def _check_host(self, request):
        if not request.url.startswith(("data:", "about:")) and request.url.split("/")[2] != self._host:
            self.problems.append(request.url)

    def open(self, url, viewport, color_scheme):
        self._host = url.split("/")[2]
        self.page.set_viewport_size(viewport)
        self.page.emulate_media(media="null", color_scheme=color_scheme)
        self.page.goto(url)

    def clear(self):
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.page.goto("about:blank")
        self.problems = []


@pytest.fixture(scope="session")
def windows(chromium):
    """Return the windows that no test uses, by their options: a new one takes longer than to draw a page."""
    return defaultdict(list)


@pytest.fixture
def open_page(chromium, windows):
    """Open a page. Console messages, errors, and requests to other hosts fail the test.

    A test that adds listeners, routes, or permissions opens its page with `is_new=True`: a window that no other test
    uses.
    """
    problems = []

    @contextmanager
    def open_url(url, viewport=DESKTOP, color_scheme="light", *, is_new=False, **options):
        free = windows[json.dumps(options, sort_keys=True)]
        window = free.pop() if free and not is_new else _Window(chromium, options)
        try:
            window.open(url, viewport, color_scheme)
            yield window.page
        except BaseException:
            window.context.close()
            raise
        problems.extend(window.problems)
        if is_new:
            window.context.close()
        else:
            window.clear()
            free.append(window)

    yield open_url
    assert problems == []
