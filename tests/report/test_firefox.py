"""The static report in Firefox, which restricts pages on a disk differently from Chromium."""

import pytest
from firefox import FIREFOX_PATH, open_firefox
from report_site import page_url

pytestmark = pytest.mark.skipif(
    FIREFOX_PATH is None, reason="needs Firefox on the PATH (Debian: apt-get install firefox-esr)"
)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    with open_firefox(tmp_path_factory.mktemp("firefox")) as page:
        yield page


def test_index_page_shows_calls_charts_and_sparklines(firefox, site, store):
    firefox.goto(page_url(site, state="days=all"))
    firefox.wait_for("document.querySelectorAll('#list tbody tr').length === 50")
    firefox.wait_for("document.querySelector('#weekday-hour svg') !== null")
    firefox.wait_for("document.querySelector('.sparkline').style.background !== ''")
    assert firefox.evaluate("callmood.calls.length") == store.query("SELECT COUNT(*) AS n FROM calls")[0]["n"]
    assert firefox.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_call_page_plays_and_keeps_a_review(firefox, site):
    firefox.goto(page_url(site, "call.html", f"call={199:032x}&t=20"))
    firefox.wait_for("document.body.dataset.state === 'loaded'")
    firefox.wait_for("document.querySelector('audio').readyState > 0")
    assert firefox.evaluate("callmood.player.position") == 20
    firefox.evaluate("document.querySelector('#review [value=agree]').click()")
    firefox.goto("about:blank")
    firefox.goto(page_url(site, "call.html", f"call={199:032x}"))
    firefox.wait_for("document.querySelector('#review [value=agree]').checked")
