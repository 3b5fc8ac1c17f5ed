"""The pages at the widths of phones, tablets, laptops, and desktops, in both themes and in print."""

import re

import pytest
from playwright.sync_api import Page
from report_site import build_site, page_url
from synthetic_store import create_store

WIDTHS = (360, 768, 1024, 1440, 1920)
PAGES = {
    "index": ("index.html", "", "#weekday-hour svg"),
    "call": ("call.html", f"call={199:032x}", "#quarters svg"),
}
LONG_NAME = "2026-11-03T16-22-10Z_call-1004_queue-billing_agent-a17_customer-c560"


CUT_LABELS = """ruler => [...ruler.children]
  .filter((label) => label.textContent && label.getBoundingClientRect().right > ruler.getBoundingClientRect().right)
  .map((label) => label.textContent)"""
OVERFLOWING = "all => all.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent)"


# 1130: the narrowest window with two columns.
@pytest.mark.parametrize("width", [*WIDTHS, 1130])
@pytest.mark.parametrize("view", PAGES)
def test_page_fits_the_width(open_page, site, view, width):
    name, state, rendered = PAGES[view]
    with open_page(page_url(site, name, state), viewport={"width": width, "height": 900}) as page:
        page.wait_for_selector(rendered)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if view == "index":
            assert page.is_visible("#list td.queue")
            assert page.is_visible("#list td.agent")
            assert page.locator("#list").bounding_box()["width"] >= min(width - 90, 1350)
            assert page.is_visible("#queues :text('no clear change')")
            assert page.eval_on_selector_all(".scroll", OVERFLOWING) == []
        else:
            assert page.eval_on_selector("#ruler", CUT_LABELS) == []
        assert page.eval_on_selector_all(".ranking :is(th, td), #why :is(th, td)", OVERFLOWING) == []
        assert page.evaluate("(s => !s || s.scrollWidth <= s.clientWidth)(document.querySelector('#why'))")


BREAKS = """() => [...document.querySelectorAll('.name')].flatMap((name) => {
  const range = document.createRange();
  const walker = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
  const broken = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    let previous = null;
    for (let i = 0; i < node.length; i++) {
      range.setStart(node, i);
      range.setEnd(node, i + 1);
      const { top, height } = range.getBoundingClientRect();
      if (height === 0) continue;
      if (previous !== null && top > previous + 5) broken.push(node.data);
      previous = top;
    }
  }
  return broken;
})"""


@pytest.mark.parametrize("width", WIDTHS)
def test_names_break_only_at_separators(open_page, tmp_path, width):
    store = create_store(
        tmp_path / "calls.duckdb",
        calls=12,
        days=3,
        call_id=LONG_NAME,
        queue="returns-international",
        agent_id="team_north",
    )
    site = build_site(tmp_path, store)
    for name, state in (("index.html", ""), ("call.html", f"call={1:032x}")):
        with open_page(page_url(site, name, state), viewport={"width": width, "height": 900}) as page:
            page.wait_for_selector(".name")
            assert page.evaluate(BREAKS) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_segments_have_a_minimum_width_and_contrast_with_their_lane(open_page, site, scheme):
    with open_page(page_url(site, *PAGES["call"][:2]), color_scheme=scheme) as page:
        page.wait_for_selector(".segment")
        widths = page.eval_on_selector_all(".segment", "all => all.map((s) => s.getBoundingClientRect().width)")
        assert min(widths) >= 8
        edge, lane = (
            page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
            for name in ("edge", "lane")
        )
        assert contrast(edge, lane) >= 3
        assert edge_color(page) == edge


def edge_color(page: Page) -> str:
    shadow = page.evaluate("getComputedStyle(document.querySelector('.segment')).boxShadow")
    red, green, blue = map(int, re.search(r"rgb\((\d+), (\d+), (\d+)\)", shadow).groups())
    return f"#{red:02x}{green:02x}{blue:02x}"


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("view", PAGES)
def test_page_prints_on_two_pages(open_page, site, view):
    name, state, rendered = PAGES[view]
    with open_page(page_url(site, name, state)) as page:
        page.wait_for_selector(rendered)
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) <= 2


@pytest.mark.parametrize(
    ("locale", "date", "count"), [("de-DE", "30. Okt. 2026", "1.234"), ("en-US", "Oct 30, 2026", "1,234")]
)
def test_dates_and_numbers_follow_the_locale(open_page, site, locale, date, count):
    with open_page(page_url(site), locale=locale) as page:
        page.wait_for_selector("#list tbody tr")
        assert date in page.text_content("#list .start")
        assert page.evaluate("callmood.count(1234)") == count
