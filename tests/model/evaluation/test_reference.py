"""A reference made of a corpus, and of a store; and the measurement of drift, on voices that are made."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from health_made import calls
from test_monitor import fill

from callmood.emotion.model import load_model
from callmood.monitoring.drift import COUNTS, MEANS, Reference
from callmood.resources import MODEL
from callmood.types import EMOTIONS
from callmood.warehouse.duckdb import DuckDBWarehouse
from model.evaluation import drift, reference

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Clips of two voices that a detector of speech takes for such: pieces of the example calls' customers."""
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


def run(monkeypatch, command, *arguments):
    monkeypatch.setattr(sys, "argv", [command.__name__, *map(str, arguments)])
    command.main()


def test_a_corpus_becomes_a_reference_that_monitor_reads(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "UTTERANCES", 4)
    out = tmp_path / "emotion.reference.json"
    run(monkeypatch, reference, "--corpus", "csv", "--root", corpus, "--out", out)
    made = Reference(out.read_bytes())
    assert made.model_version == load_model().version
    assert made.voices == 2
    assert {len(made.means[name]) for name in MEANS} == {2 * reference.CALLS}
    assert all(made.counts[name].shape == (2, len(kinds)) for name, kinds in COUNTS.items())
    assert "secret" not in out.read_text()  # voices are numbers


def test_clips_without_speech_make_no_reference(tmp_path, monkeypatch, capsys):
    hum = 0.1 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    lines = ["path,speaker,emotion"]
    for emotion in EMOTIONS:
        soundfile.write(tmp_path / f"{emotion}.wav", hum, 16000)
        lines.append(f"{emotion}.wav,one,{emotion}")
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    out = tmp_path / "emotion.reference.json"
    asked = ("--corpus", "csv", "--root", tmp_path, "--out", out)
    with pytest.raises(SystemExit, match="none of 0 calls"):
        run(monkeypatch, reference, *asked)
    run(monkeypatch, reference, *asked, "--optional")
    assert "no reference" in capsys.readouterr().out
    assert not out.exists()


def test_the_shipped_reference_is_the_shipped_models():
    shipped = Reference((MODEL / "emotion.reference.json").read_bytes())
    assert shipped.model_version == json.loads((MODEL / "emotion.json").read_text())["version"], (
        "make it anew: python -m model reference --corpus cremad --root CREMA-D"
    )
    assert shipped.voices >= 60


def test_calm_weeks_of_a_store_become_a_reference(tmp_path, monkeypatch):
    version = load_model().version
    store = DuckDBWarehouse(tmp_path / "calls.duckdb")
    for day in ("2026-11-01", "2026-11-02", "2026-11-09"):
        fill(store, day, np.random.default_rng(0), 6, version=version)
    out = tmp_path / "calm.json"
    run(monkeypatch, reference, "--store", store.path, "--since", "2026-11-01", "--until", "2026-11-07", "--out", out)
    assert Reference(out.read_bytes()).voices == 12
    with pytest.raises(SystemExit, match="none of 0 calls"):
        run(
            monkeypatch,
            reference,
            "--store",
            store.path,
            "--since",
            "2027-01-01",
            "--until",
            "2027-01-02",
            "--out",
            out,
        )
    with pytest.raises(SystemExit, match="which weeks were calm"):
        run(monkeypatch, reference, "--store", store.path, "--out", out)


def test_days_with_drift_are_told_from_calm_ones():
    rng = np.random.default_rng(0)

    def rows(**changes):
        return [row | {"voice": f"v{i:02d}"} for i, row in enumerate(calls(90, rng, **changes))]

    report = drift.days(rows(), {"louder": rows(shift=2.0, only=("level_dbfs",))}, "1", 10, rng)
    assert (report["voices"], report["calls_a_day"]) == (90, 30)
    assert report["found"]["calm"]["days_with_alarm"] <= 0.1
    assert report["found"]["louder"]["days_with_alarm"] == 1.0
    assert next(iter(report["found"]["louder"]["by_figure"])) == "level_dbfs"


def test_every_voice_calls_before_any_calls_again():
    rows = [{"voice": voice, "call": i} for i, voice in enumerate("aaaabbbc")]
    drawn = drift._one_each(rows, 5, np.random.default_rng(0))
    assert sorted(row["voice"] for row in drawn[:3]) == ["a", "b", "c"]
    assert len({row["call"] for row in drawn}) == 5
