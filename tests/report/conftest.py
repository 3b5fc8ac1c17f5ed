"""Synthetic stores and reports for the browser tests."""

import numpy as np
import pytest
import soundfile
from built import address, report
from made import make_store

PLAYED_CALLS = (195, 196, 197, 198, 199)


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
def first_page(open_page, center_report):
    with open_page(address(center_report)) as page:
        page.wait_for_selector("#week svg")
        yield page
