"""A folder of invalid and unusual files: each invalid file results in one row of `failures`."""

import pytest
from invalid_recordings import INVALID, UNUSUAL

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
def analyzed_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inbox")
    expected = {}
    for number, (name, (content, code, _)) in enumerate(INVALID.items()):
        path = folder / f"{number} {name.replace('/', ' ')}.wav"
        path.write_bytes(content)
        expected[path.as_uri()] = code
    for number, (name, (content, *_)) in enumerate(UNUSUAL.items()):
        path = folder / f"unusual {number} {name}"
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


def test_each_invalid_file_has_one_failure_with_its_code(analyzed_folder):
    store, expected = analyzed_folder
    codes = {uri: code for uri, code in expected.items() if code}
    assert len(codes) >= 40
    rows = store.query("SELECT uri, code, message FROM failures")
    assert len(rows) == len(codes)
    assert {row["uri"]: row["code"] for row in rows} == codes
    assert all(row["message"] for row in rows)


def test_unusual_audio_without_speech_is_a_recording(analyzed_folder):
    store, expected = analyzed_folder
    rows = {row["uri"]: row for row in store.query("SELECT * FROM recordings")}
    assert rows.keys() == {uri for uri, code in expected.items() if not code}
    for row in rows.values():
        assert row["segment_count"] == 0
        assert "no_speech" in row["warnings"]


def test_recording_over_the_duration_limit_fails(tmp_path):
    from audio_files import wav

    path = tmp_path / "long.wav"
    path.write_bytes(wav(bytes(16_000 * 12)))
    failed = analyze_file(path, StaticModelProvider(load_model()), AnalysisConfig(max_duration_s=10))
    assert failed.row is not None
    assert failed.row["code"] == "too_long"
    assert analyze_file(path, StaticModelProvider(load_model()), AnalysisConfig(max_duration_s=12)).status == "analyzed"
