"""References from a corpus and from a store, and the measurement of drift."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from call_feature_rows import append_calls, feature_rows
from model_program import model_error, model_output

from callmood.emotion.model import load_model
from callmood.monitoring.drift import COUNT_METRICS, MEAN_METRICS, Reference
from callmood.resources import MODEL
from callmood.types import EMOTIONS
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.evaluation import drift, reference

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Clips of two speakers in which speech is detected: parts of the example calls' customers."""
    folder = tmp_path_factory.mktemp("corpus")
    lines = ["path,speaker,emotion"]
    for speaker, call in enumerate(sorted(EXAMPLES.glob("*.wav"))[:2]):
        samples, rate = soundfile.read(call)
        for i, emotion in enumerate(EMOTIONS):
            name = f"{speaker}-{emotion}.wav"
            soundfile.write(folder / name, samples[10 * i * rate : 10 * (i + 1) * rate, 1], rate)
            lines.append(f"{name},secret-{speaker},{emotion}")
    (folder / "clips.csv").write_text("\n".join(lines))
    return folder


def test_reference_from_a_corpus_is_readable_by_monitoring(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "UTTERANCES", 4)
    out = tmp_path / "emotion.reference.json"
    model_output("reference", "--corpus", "csv", "--root", corpus, "--out", out)
    content = Reference(out.read_bytes())
    assert content.model_version == load_model().version
    assert content.speakers == 2
    assert {len(content.means[name]) for name in MEAN_METRICS} == {2 * reference.CALLS_PER_SPEAKER}
    assert all(content.counts[name].shape == (2, len(kinds)) for name, kinds in COUNT_METRICS.items())
    assert "secret" not in out.read_text()  # speakers are numbers


def test_clips_without_speech_give_no_reference(tmp_path):
    hum = 0.1 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    lines = ["path,speaker,emotion"]
    for emotion in EMOTIONS:
        soundfile.write(tmp_path / f"{emotion}.wav", hum, 16000)
        lines.append(f"{emotion}.wav,one,{emotion}")
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    out = tmp_path / "emotion.reference.json"
    options = ("--corpus", "csv", "--root", tmp_path, "--out", out)
    assert "none of 0 calls" in model_error("reference", *options)
    assert "No reference was written" in model_output("reference", *options, "--optional")
    assert not out.exists()


def test_shipped_reference_is_of_the_shipped_model():
    shipped = Reference((MODEL / "emotion.reference.json").read_bytes())
    assert shipped.model_version == json.loads((MODEL / "emotion.json").read_text())["version"], (
        "create it again: python -m model reference --corpus cremad --root CREMA-D"
    )
    assert shipped.speakers >= 60


def test_reference_from_a_store_uses_the_given_days(tmp_path):
    version = load_model().version
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    for day in ("2026-11-01", "2026-11-02", "2026-11-09"):
        append_calls(store, day, np.random.default_rng(0), 6, version=version)
    options = ("--store", store.path, "--out", tmp_path / "stable.json")
    model_output("reference", *options, "--since", "2026-11-01", "--until", "2026-11-07")
    assert Reference((tmp_path / "stable.json").read_bytes()).speakers == 12
    message = model_error("reference", *options, "--since", "2027-01-01", "--until", "2027-01-02")
    assert "none of 0 calls" in message
    assert "--since and --until" in model_error("reference", *options)


def test_drift_raises_an_alarm_and_stable_days_do_not():
    rng = np.random.default_rng(0)

    def rows(**changes):
        return [row | {"speaker": f"v{i:02d}"} for i, row in enumerate(feature_rows(90, rng, **changes))]

    report = drift.simulate_days(rows(), {"louder": rows(shift=2.0, only=("level_dbfs",))}, "1", 10, rng)
    assert (report["speakers"], report["calls_per_day"]) == (90, 30)
    assert report["results"]["stable"]["days_with_alarm"] <= 0.1
    assert report["results"]["louder"]["days_with_alarm"] == 1.0
    assert next(iter(report["results"]["louder"]["by_metric"])) == "level_dbfs"


def test_every_speaker_calls_once_before_any_calls_again():
    rows = [{"speaker": speaker, "call": i} for i, speaker in enumerate("aaaabbbc")]
    sampled = drift._sample_calls(rows, 5, np.random.default_rng(0))
    assert sorted(row["speaker"] for row in sampled[:3]) == ["a", "b", "c"]
    assert len({row["call"] for row in sampled}) == 5
