"""What a page must be for everybody: readable, whole on a telephone and on paper, unbroken by hostile names."""

import itertools
import re
from pathlib import Path

import duckdb
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from built import address, report
from made import make_store

import callmood.report
from callmood.types import EMOTIONS

HEARD = f"{199:032x}"
VIEWS = {
    "first page": ("index.html", "days=all", "#week svg"),
    "no call found": ("index.html", "days=all&q=nosuchcall", "#week svg"),
    "call": ("call.html", f"call={HEARD}", "#quarters svg"),
    "no such call": ("call.html", "call=abc", "p.missing"),
}
AXE = {"preload": False}  # axe would fetch style sheets, which no page on a disk may
PHONE = {"width": 360, "height": 780}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_serious_fault(open_page, center_report, view, scheme):
    name, state, drawn = VIEWS[view]
    with open_page(address(center_report, name, state), color_scheme=scheme) as page:
        page.wait_for_selector(drawn, state="attached")
        for summary in page.locator("summary").all():
            if summary.is_visible():
                summary.click()
        found = Axe().run(page, options=AXE).response["violations"]
    serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_telephone_shows_it_without_sideways_scrolling(open_page, center_report, view):
    name, state, drawn = VIEWS[view]
    with open_page(address(center_report, name, state), viewport=PHONE) as page:
        page.wait_for_selector(drawn, state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_print_leaves_controls_out_and_colors_in(first_page):
    first_page.emulate_media(media="print", color_scheme="dark")
    assert first_page.is_hidden("#filters")
    assert first_page.is_visible("#headline")
    assert first_page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink')") == "#1c2126"
    assert first_page.evaluate("getComputedStyle(document.querySelector('.strip')).printColorAdjust") == "exact"


HOSTILE = [
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


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_only_text(open_page, tmp_path, name):
    changes = {"call_id": name, "queue": name, "agent_id": name, "customer_id": name, "language": name}
    store = make_store(tmp_path / "calls.duckdb", calls=6, days=3, **changes)
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("UPDATE recordings SET labels = [{'key': $name, 'value': $name}]", {"name": name})
    out = report(tmp_path, store)
    with open_page(address(out), viewport=PHONE) as page:
        page.on("dialog", lambda _: pytest.fail("a name became a script"))
        page.wait_for_selector("#week svg")
        shown = page.evaluate("document.querySelector('#list tbody .name').textContent")
        assert shown == name
        assert page.locator("#queues tbody th").all_text_contents() == [name]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.select_option("[name=queue]", index=1)
        assert page.evaluate("callmood.state.read().queue") == name
        assert page.locator("#list tbody tr").count() == 6
        page.click("#list tbody th a")
        page.wait_for_selector("body[data-state=shown]")
        assert page.evaluate("document.querySelector('h1 .name').textContent") == name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.locator("img, b[onmouseover]").count() == 0


def test_an_empty_store_says_what_to_do_next(open_page, tmp_path):
    out = report(tmp_path, make_store(tmp_path / "it's <new>.duckdb", calls=0))
    with open_page(address(out)) as page:
        assert page.text_content("h1") == "No calls yet"
        assert (
            page.locator("pre").first.text_content()
            == f"callmood analyze RECORDINGS --store '{tmp_path}/it'\"'\"'s <new>.duckdb'"
        )
        assert Axe().run(page, options=AXE).response["violations"] == []


@pytest.mark.parametrize(
    ("calls", "changes"),
    [(1, {}), (3, {"queue": None, "agent_id": None, "call_id": None, "customer_id": None}), (4, {"p_anger": None})],
    ids=["one call", "no metadata", "no emotion"],
)
def test_a_sparse_store_has_a_whole_page(open_page, tmp_path, calls, changes):
    if "p_anger" in changes:
        changes = {**changes, **{f"p_{e}": None for e in EMOTIONS}, "emotion": None, "confidence": None}
    store = make_store(tmp_path / "calls.duckdb", calls=calls, days=calls, **changes)
    with open_page(address(report(tmp_path, store))) as page:
        page.wait_for_selector("#trend *")
        assert page.text_content("#figure-calls .value") == str(calls)
        assert page.locator("#list tbody tr").count() == calls
        if changes.get("emotion", "") is None:
            assert page.text_content("#figure-negativity .value") == "\N{EN DASH}"
            assert "No emotion was heard" in page.text_content("#week")
        page.click("#list tbody th a")
        page.wait_for_selector("body[data-state=shown]")
        assert "NaN" not in page.content()
        assert "undefined" not in page.text_content("main")
        assert "null" not in page.text_content("main")


def test_it_says_what_the_figures_are_not(first_page):
    said = first_page.text_content(".limits")
    assert "not what a person feels" in said
    assert "actors" in said
    assert "emotions are not inferred" in said


# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency (2009).
SEEN_BY = {
    "everyone": np.eye(3),
    "protanopes": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopes": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopes": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def palette(scheme):
    css = (Path(callmood.report.__file__).parent / "static/page.css").read_text(encoding="utf-8")
    block = css.split("prefers-color-scheme: dark")[1] if scheme == "dark" else css
    return {emotion: re.search(rf"--{emotion}: (#\w+);", block)[1] for emotion in EMOTIONS}


def linear(color):
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Björn Ottosson, A perceptual color space for image processing (2020)."""
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    to_cones += [[0.0883024619, 0.2817188376, 0.6299787005]]
    to_lab = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099]]
    to_lab += [[0.0259040371, 0.7827717662, -0.808675766]]
    return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_emotions_keep_apart_for_every_eye(scheme, eyes):
    seen = {emotion: oklab(np.array(SEEN_BY[eyes]) @ linear(color)) for emotion, color in palette(scheme).items()}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.09, f"{one} and {other} look alike to {eyes} in {scheme}"
