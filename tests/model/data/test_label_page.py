"""The page on which people label clips, in a real browser, from the disk: keys, memory, and what it saves."""

from contextlib import closing
from datetime import date

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from labeled_calls import make_calls
from report_site import page_url

from callmood.config import AnalysisConfig
from model.data import labeling
from model.data.corpora import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set of six clips."""
    home = tmp_path_factory.mktemp("labeling")
    rows = labeling.candidates(make_calls(home), date(1970, 1, 1))
    labeling.write_set(labeling.choose(rows, 6, 0.5, np.random.default_rng(0)), home / "set", AnalysisConfig())
    return home / "set"


@pytest.fixture
def page(open_page, folder):
    with open_page(page_url(folder)) as page:
        page.wait_for_function("document.querySelector('#sound').readyState >= 2")
        yield page


def save(page, folder):
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "labels.csv"
    download.value.save_as(folder / "labels.csv")
    return folder / "labels.csv"


def test_keys_label_and_lead_on_to_the_next_clip(page):
    page.keyboard.press("a")
    assert page.text_content("#clip-title") == "Clip 2 of 6"
    page.keyboard.press("ArrowLeft")
    assert page.text_content("#given") == "You said: anger"
    assert page.get_attribute("[data-answer=anger]", "aria-pressed") == "true"
    page.keyboard.press("h")  # a second thought
    page.keyboard.press("ArrowLeft")
    assert page.text_content("#given") == "You said: happiness"
    assert page.text_content("#done") == "1 of 6 labeled"


def test_a_clip_plays_when_one_comes_to_it_and_again_on_space(page):
    page.keyboard.press("n")
    page.wait_for_function("document.querySelector('#sound').currentTime > 0")
    page.keyboard.press(" ")
    page.wait_for_function("!document.querySelector('#sound').paused")


def test_typing_a_name_labels_nothing(page):
    page.fill("#by", "")
    page.type("#by", "anna")
    assert page.text_content("#done") == "0 of 6 labeled"


def test_answers_outlive_the_page(page):
    for key in "and":
        page.keyboard.press(key)
    page.reload()
    assert page.text_content("#done") == "3 of 6 labeled"
    assert page.text_content("#clip-title") == "Clip 4 of 6"


def test_what_is_saved_is_a_corpus(page, folder):
    """Six clips: four of the six emotions, one surprise, one on which nobody can tell."""
    for key in "andsux":
        page.keyboard.press(key)
    page.fill("#by", 'Anna "A", B')
    file = save(page, folder)
    assert page.text_content("#saved") == "5 labels saved."
    reading = read("csv", file)
    assert sorted(clip.emotion for clip in reading.clips) == ["anger", "disgust", "neutral", "sadness"]
    assert reading.excluded.total() == 1
    assert all(clip.path.is_file() and clip.language == "en" for clip in reading.clips)
    assert 'Anna ""A"", B' in file.read_text()


def test_the_model_is_not_heard_to_whisper(page):
    shown = page.inner_text("main")
    assert "random" not in shown
    assert "uncertain" not in shown
    assert "0." not in shown


def test_a_clip_that_is_not_there_is_said_so(chromium, folder, tmp_path):
    for file in folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with closing(chromium.new_page()) as page:  # not `open_page`, which allows no error on the console
        page.goto(page_url(tmp_path))
        page.wait_for_selector("#no-sound", state="visible")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(open_page, folder, scheme):
    with open_page(page_url(folder), color_scheme=scheme) as page:
        page.keyboard.press("a")
        page.keyboard.press("ArrowLeft")
        found = Axe().run(page, options={"preload": False}).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_a_telephone_shows_it_without_sideways_scrolling(open_page, folder):
    with open_page(page_url(folder), viewport={"width": 360, "height": 780}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
