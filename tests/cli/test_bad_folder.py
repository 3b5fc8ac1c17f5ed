"""A folder full of bad and odd files goes through the whole pipeline: each bad one leaves one row that says why."""

import pytest
from test_bad_input import HEARD, REFUSED

from callmood.config import AnalysisConfig
from callmood.emotion.model import load_model
from callmood.models.resolver import StaticModelProvider
from callmood.services.batch import BatchAnalyzer, analyze_file
from callmood.sources.folder import find_recordings
from callmood.warehouse.duckdb import DuckDBWarehouse

NAMES = [
    "plain.wav",
    "with spaces.wav",
    "Gespräch №7 – 客户.wav",
    "a#b?c&d.wav",
    "new\nline.wav",
    "quote'\".wav",
    "no suffix",
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inbox")
    expected = {}
    for number, (name, (content, code, _)) in enumerate(REFUSED.items()):
        path = folder / f"{number} {name.replace('/', ' ')}.wav"
        path.write_bytes(content)
        expected[path.as_uri()] = code
    for number, (name, (content, *_)) in enumerate(HEARD.items()):
        path = folder / f"odd {number} {name}"
        path.write_bytes(content)
        expected[path.as_uri()] = None
    for name in NAMES:
        path = folder / name
        path.write_bytes(b"Dear customer")
        expected[path.as_uri()] = "not_audio"
    empty = folder / "empty.wav"
    empty.touch()
    expected[empty.as_uri()] = "empty_file"
    store = DuckDBWarehouse(folder / "store.duckdb")
    list(
        BatchAnalyzer(store, AnalysisConfig()).run(
            [path for path in find_recordings([folder]) if path.suffix != ".duckdb"]
        )
    )
    return store, expected


def test_each_bad_file_leaves_one_failure_with_its_code(outcome):
    store, expected = outcome
    bad = {uri: code for uri, code in expected.items() if code}
    assert len(bad) >= 40
    rows = store.query("SELECT uri, code, message FROM failures")
    assert len(rows) == len(bad)
    assert {row["uri"]: row["code"] for row in rows} == bad
    assert all(row["message"] for row in rows)


def test_what_is_odd_but_holds_sound_is_a_recording_even_without_speech(outcome):
    store, expected = outcome
    rows = {row["uri"]: row for row in store.query("SELECT * FROM recordings")}
    assert rows.keys() == {uri for uri, code in expected.items() if not code}
    for row in rows.values():
        assert row["segment_count"] == 0
        assert "no_speech" in row["warnings"]


def test_a_recording_over_the_limit_is_too_long(tmp_path):
    from audio_files import wav

    path = tmp_path / "long.wav"
    path.write_bytes(wav(bytes(16_000 * 12)))
    failed = analyze_file(path, StaticModelProvider(load_model()), AnalysisConfig(max_duration_s=10))
    assert failed.row is not None
    assert failed.row["code"] == "too_long"
    assert analyze_file(path, StaticModelProvider(load_model()), AnalysisConfig(max_duration_s=12)).status == "analyzed"
