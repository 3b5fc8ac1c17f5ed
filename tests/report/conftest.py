"""Fixtures: a synthetic store of a call center, its report, and the open index page."""

import numpy as np
import pytest
import soundfile
from report_site import build_site, page_url
from synthetic_store import create_store

CALLS_WITH_AUDIO = (195, 196, 197, 198, 199)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """200 calls in six weeks. The last five have audio: telephone speech, 8 kHz mu-law."""
    folder = tmp_path_factory.mktemp("store")
    store = create_store(folder / "calls.duckdb", folder=folder / "audio")
    recordings = store.query("SELECT object, duration_s FROM recordings_current ORDER BY object")
    (folder / "audio").mkdir()
    for row in recordings:
        if any(row["object"].endswith(f"/{number}.wav") for number in CALLS_WITH_AUDIO):
            tone = 0.1 * np.sin(np.arange(int(8000 * row["duration_s"])) / 5)
            soundfile.write(row["object"], np.stack([tone, tone], 1), 8000, format="WAV", subtype="ULAW")
    return store


@pytest.fixture(scope="session")
def site(store, tmp_path_factory):
    return build_site(tmp_path_factory.mktemp("site"), store)


@pytest.fixture
def index_page(open_page, site):
    with open_page(page_url(site)) as page:
        page.wait_for_selector("#weekday-hour svg")
        yield page
