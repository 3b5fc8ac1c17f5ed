"""The page for labeling clips, in Chromium from the disk: keys, storage, and the saved file."""

from contextlib import closing
from datetime import date

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from report_site import page_url
from tone_calls import create_tone_calls

from callmood.config import AnalysisConfig
from model.data import labeling
from model.data.corpora import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set of six clips."""
    home = tmp_path_factory.mktemp("labeling")
    rows = labeling.candidates(create_tone_calls(home), date(1970, 1, 1))
    labeling.write_set(labeling.sample(rows, 6, 0.5, np.random.default_rng(0)), home / "set", AnalysisConfig())
    return home / "set"


@pytest.fixture
def page(open_page, folder):
    with open_page(page_url(folder)) as page:
        page.wait_for_function("document.querySelector('#audio').readyState >= 2")
        yield page


def save(page, folder):
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "labels.csv"
    download.value.save_as(folder / "labels.csv")
    return folder / "labels.csv"


def test_keys_set_labels_and_advance_to_the_next_clip(page):
    page.keyboard.press("a")
    assert page.text_content("#clip-title") == "Clip 2 of 6"
    page.keyboard.press("ArrowLeft")
    assert page.text_content("#current-label") == "Your label: anger"
    assert page.get_attribute("[data-label=anger]", "aria-pressed") == "true"
    page.keyboard.press("h")  # replaces the label
    page.keyboard.press("ArrowLeft")
    assert page.text_content("#current-label") == "Your label: happiness"
    assert page.text_content("#progress-text") == "1 of 6 labeled"


def test_clip_plays_when_selected_and_again_on_space(page):
    page.keyboard.press("n")
    page.wait_for_function("document.querySelector('#audio').currentTime > 0")
    page.keyboard.press(" ")
    page.wait_for_function("!document.querySelector('#audio').paused")


def test_typing_a_name_sets_no_label(page):
    page.fill("#annotator", "")
    page.type("#annotator", "anna")
    assert page.text_content("#progress-text") == "0 of 6 labeled"


def test_labels_persist_after_reload(page):
    for key in "and":
        page.keyboard.press(key)
    page.reload()
    assert page.text_content("#progress-text") == "3 of 6 labeled"
    assert page.text_content("#clip-title") == "Clip 4 of 6"


def test_saved_file_is_a_readable_corpus(page, folder):
    """Label six clips: four with one of the six emotions, one as surprise, and one as unclear."""
    for key in "andsux":
        page.keyboard.press(key)
    page.fill("#annotator", 'Anna "A", B')
    file = save(page, folder)
    assert page.text_content("#save-result") == "5 labels saved."
    reading = read("csv", file)
    assert sorted(clip.emotion for clip in reading.clips) == ["anger", "disgust", "neutral", "sadness"]
    assert reading.excluded.total() == 1
    assert all(clip.path.is_file() and clip.language == "en" for clip in reading.clips)
    assert 'Anna ""A"", B' in file.read_text()


def test_page_does_not_reveal_sampling_or_predictions(page):
    text = page.inner_text("main")
    assert "random" not in text
    assert "uncertain" not in text
    assert "0." not in text


def test_missing_clip_shows_an_error(chromium, folder, tmp_path):
    for file in folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with closing(chromium.new_page()) as page:  # `open_page` fails on the console's error about the missing file
        page.goto(page_url(tmp_path))
        page.wait_for_selector("#audio-error", state="visible")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_reports_no_serious_violation(open_page, folder, scheme):
    with open_page(page_url(folder), color_scheme=scheme) as page:
        page.keyboard.press("a")
        page.keyboard.press("ArrowLeft")
        violations = Axe().run(page, options={"preload": False}).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_page_fits_a_phone(open_page, folder):
    with open_page(page_url(folder), viewport={"width": 360, "height": 780}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
