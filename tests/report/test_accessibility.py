"""Pages are accessible, fit a phone, print well, and render unusual data and hostile names safely."""

import re

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from report_site import build_site, page_url
from synthetic_store import create_store

from callmood.types import EMOTIONS

VIEWS = {
    "index": ("index.html", "days=all", "#weekday-hour svg"),
    "no search result": ("index.html", "days=all&q=nosuchcall", "#weekday-hour svg"),
    "call": ("call.html", f"call={199:032x}", "#quarters svg"),
    "call not found": ("call.html", "call=abc", "p.not-found"),
}
AXE_OPTIONS = {"preload": False}  # preloading fetches style sheets, which a page on a disk may not do
PHONE = {"width": 360, "height": 780}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_reports_no_violation(open_page, site, view, scheme):
    name, state, rendered = VIEWS[view]
    with open_page(page_url(site, name, state), color_scheme=scheme) as page:
        page.wait_for_selector(rendered, state="attached")
        for summary in page.locator("summary").all():
            if summary.is_visible():
                summary.click()
        violations = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []


@pytest.mark.parametrize("view", VIEWS)
def test_page_fits_a_phone(open_page, site, view):
    name, state, rendered = VIEWS[view]
    with open_page(page_url(site, name, state), viewport=PHONE) as page:
        page.wait_for_selector(rendered, state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_print_hides_controls_and_keeps_colors(index_page):
    index_page.emulate_media(media="print", color_scheme="dark")
    assert index_page.is_hidden("#filters")
    assert index_page.is_visible("#metrics")
    assert index_page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink')") == "#1c2126"
    assert index_page.evaluate("getComputedStyle(document.querySelector('.sparkline')).printColorAdjust") == "exact"


HOSTILE_NAMES = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\"'><b onmouseover=alert(1)>",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe\nsecond line\ttab",
    "\u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0633\u0644\u0627\u0645",
    "x" * 3000,
    "__proto__",
    "{{ 7 * 7 }} ${alert(1)} `",
    "\u2028\u2029\x00\x1b[31m",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_hostile_name_is_rendered_as_text(open_page, tmp_path, name):
    overrides = {"call_id": name, "queue": name, "agent_id": name, "customer_id": name, "language": name}
    store = create_store(tmp_path / "calls.duckdb", calls=6, days=3, **overrides)
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("UPDATE recordings SET labels = [{'key': $name, 'value': $name}]", {"name": name})
    site = build_site(tmp_path, store)
    with open_page(page_url(site), viewport=PHONE, is_new=True) as page:
        page.on("dialog", lambda _: pytest.fail("a name was executed as a script"))
        page.wait_for_selector("#trend svg")
        assert page.evaluate("document.querySelector('#list tbody .name').textContent") == name
        assert page.locator("#queues tbody th").all_text_contents() == [name]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.select_option("[name=queue]", index=1)
        assert page.evaluate("callmood.state.read().queue") == name
        assert page.locator("#list tbody tr").count() == 6
        page.click("#list tbody th a")
        page.wait_for_selector("body[data-state=loaded]")
        assert page.evaluate("document.querySelector('h1 .name').textContent") == name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.locator("img, b[onmouseover]").count() == 0


def test_empty_store_shows_the_next_command(open_page, tmp_path):
    site = build_site(tmp_path, create_store(tmp_path / "it's <new>.duckdb", calls=0))
    with open_page(page_url(site)) as page:
        assert page.text_content("h1") == "No calls yet"
        assert (
            page.locator("pre").first.text_content()
            == f"callmood analyze RECORDINGS --store '{tmp_path}/it'\"'\"'s <new>.duckdb'"
        )
        assert Axe().run(page, options=AXE_OPTIONS).response["violations"] == []


@pytest.mark.parametrize(
    ("calls", "overrides"),
    [(1, {}), (3, {"queue": None, "agent_id": None, "call_id": None, "customer_id": None}), (4, {"p_anger": None})],
    ids=["one call", "no metadata", "no emotion"],
)
def test_sparse_store_renders_without_gaps(open_page, tmp_path, calls, overrides):
    if "p_anger" in overrides:
        overrides = {**overrides, **{f"p_{e}": None for e in EMOTIONS}, "emotion": None, "confidence": None}
    store = create_store(tmp_path / "calls.duckdb", calls=calls, days=calls, **overrides)
    with open_page(page_url(build_site(tmp_path, store))) as page:
        page.wait_for_selector("#trend *")
        assert page.text_content("#metric-calls .value") == str(calls)
        assert page.locator("#list tbody tr").count() == calls
        assert page.text_content("#agents-note") == ""
        if overrides.get("emotion", "") is None:
            assert page.text_content("#metric-negativity .value") == "\N{EN DASH}"
            assert "No emotion was inferred" in page.text_content("#weekday-hour")
        else:
            assert "Fewer than 5 calls" in page.text_content("#weekday-hour")
        page.click("#list tbody th a")
        page.wait_for_selector("body[data-state=loaded]")
        assert "NaN" not in page.content()
        assert "undefined" not in page.text_content("main")
        assert "null" not in page.text_content("main")


def test_limits_of_the_metrics_are_stated(index_page):
    limits = index_page.text_content(".limits")
    assert "not what a person feels" in limits
    assert "actors" in limits
    assert "emotions are not inferred" in limits
    assert re.search(r"\d+ calls were\s+analyzed without a population of callers", limits)
