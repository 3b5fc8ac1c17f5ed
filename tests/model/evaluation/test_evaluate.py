"""The evaluation, on corpora of buzzes: what it says must come from what it hears."""

import json
import sys

import numpy as np
import pytest
import soundfile
from model_corpus import write_cremad
from model_program import model_output

from callmood.emotion.model import load_model
from callmood.types import EMOTIONS
from model.data.corpora import Clip
from model.evaluation import evaluate
from model.evaluation.metrics import assess
from model.features import embedding_cache


@pytest.fixture(scope="module")
def cremad(tmp_path_factory):
    return write_cremad(tmp_path_factory.mktemp("data") / "cremad", speakers=2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(tmp_path, cache, monkeypatch):
    """Evaluate with these arguments; return the report."""

    def evaluated(*arguments):
        out = tmp_path / "evaluation.json"
        arguments = ["evaluate", "--cache", cache, "--json", out, *arguments]
        monkeypatch.setattr(sys, "argv", [str(argument) for argument in arguments])
        evaluate.main()
        return json.loads(out.read_text())

    return evaluated


@pytest.mark.parametrize("baseline", ["none", "all", "neutral:5"])
def test_evaluates_the_shipped_file(cremad, run, baseline):
    found = run("--corpus", "cremad", "--root", cremad, "--baseline", baseline)
    assert found["model"] == load_model().version
    assert (found["clips"], found["speakers"], found["splits"]) == (6, 1, ["valid"])
    assert np.sum(found["confusion"]) == pytest.approx(6)
    assert found["accuracy"] == pytest.approx(100 * np.trace(found["confusion"]) / 6, abs=0.1)
    assert list(found["groups"]["duration"]["groups"]) == ["2 to 4 s"]


def test_a_manifest_gives_what_its_corpus_gives(cremad, run, tmp_path, monkeypatch):
    manifest = tmp_path / "manifest.parquet"
    model_output("ingest", "--corpus", "cremad", "--root", cremad, "--out", manifest)
    by_corpus = run("--corpus", "cremad", "--root", cremad)
    assert run("--manifest", manifest) == by_corpus
    assert run("--manifest", manifest, "--split", "all")["clips"] == 12


def write_ravdess(root):
    """Two actors and three emotions, one of them none of the six; stereo at 48 kHz."""
    for actor in (1, 2):
        folder = root / f"Actor_{actor:02}"
        folder.mkdir(parents=True)
        for code in ("02", "05", "08"):
            sound = np.random.default_rng(int(code)).normal(0, 0.1, (48_000, 2))
            soundfile.write(folder / f"03-01-{code}-01-01-01-{actor:02}.wav", sound, 48_000)
    return root


def test_what_has_none_of_the_six_emotions_is_not_measured(tmp_path, run):
    root = write_ravdess(tmp_path / "ravdess")
    for file in root.glob("*/*-0[25]-01-01-01-*.wav"):
        file.unlink()
    with pytest.raises(SystemExit, match="no clip has one of the six emotions"):
        run("--corpus", "ravdess", "--root", root)


@pytest.mark.parametrize("channel", ["clean", "telephone"])
def test_a_published_corpus_without_splits_metadata_or_all_emotions(tmp_path, run, capsys, channel):
    found = run("--corpus", "ravdess", "--root", write_ravdess(tmp_path / "ravdess"), "--channel", channel)
    assert (found["clips"], found["speakers"], found["channel"]) == (4, 2, channel)
    assert found["left_out"] == {"surprise": 2}
    assert list(found["emotions"]) == ["anger", "neutral"]
    assert found["groups"].keys() == {"sex", "duration"}
    assert "No clip is disgust or fear or happiness or sadness" in capsys.readouterr().out


def test_clips_that_cannot_be_read_are_named_and_nothing_is_written(tmp_path, run):
    root = write_ravdess(tmp_path / "ravdess")
    torn = root / "Actor_01" / "03-01-05-01-01-01-01.wav"
    torn.write_bytes(torn.read_bytes()[:1000])
    with pytest.raises(SystemExit, match=torn.name):
        run("--corpus", "ravdess", "--root", root)
    assert not (tmp_path / "evaluation.json").exists()
    torn.unlink()
    soundfile.write(torn, np.zeros(5), 16_000)
    with pytest.raises(SystemExit, match=f"{torn.name} has only 5 samples"):
        run("--corpus", "ravdess", "--root", root)
    soundfile.write(torn, np.full(16_000, np.nan), 16_000, "FLOAT")
    with pytest.raises(SystemExit, match=f"{torn.name} contains NaN or infinite samples"):
        run("--corpus", "ravdess", "--root", root)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--corpus", "cremad"], "say which clips"),
        (["--corpus", "cremad", "--root", "nowhere"], "nowhere does not exist"),
        (["--manifest", "nowhere.parquet"], "nowhere.parquet does not exist"),
        (["--corpus", "cremad", "--root", "CREMAD", "--split", "test"], "no clip is test; there are 6 train, 6 valid"),
        (["--corpus", "cremad", "--root", "CREMAD", "--model", "no.tflite"], "cannot load the emotion model no.tflite"),
    ],
)
def test_what_is_not_there_is_named(run, cremad, arguments, said):
    with pytest.raises(SystemExit, match=said):
        run(*(cremad if argument == "CREMAD" else argument for argument in arguments))


def test_a_baseline_that_does_not_exist_is_refused(cremad, run, capsys):
    with pytest.raises(SystemExit):
        run("--corpus", "cremad", "--root", cremad, "--baseline", "happy:3")
    assert "write none, all, or neutral:30" in capsys.readouterr().err


class Hears:
    """A model to which an embedding is an emotion and a speaker, and a baseline is the speaker."""

    def baseline(self, embeddings, _):
        return np.array([0, embeddings[:, 1].mean() if len(embeddings) else 0])

    def classify(self, embeddings, baseline, _):
        relative = embeddings - baseline
        return np.eye(6, dtype=np.float32)[(relative[:, 0] + relative[:, 1]).astype(int) % 6]


def test_the_baseline_is_the_speakers_own():
    clips = [
        Clip(None, "made", str(speaker), emotion, "valid", sex=sex)
        for speaker, sex in ((1, "female"), (2, "male"))
        for emotion in EMOTIONS
    ]
    embedded = np.array([[EMOTIONS.index(clip.emotion), int(clip.speaker)] for clip in clips], np.float32)
    durations_s = np.linspace(0.5, 9, len(clips))
    reports = {}
    for name in ("none", "all", "neutral:4"):
        answers = evaluate.listen(Hears(), clips, embedded, durations_s, evaluate.baseline_named(name))
        reports[name] = assess(answers)
    assert [reports[name]["accuracy"] for name in reports] == [0, 100, 100]
    assert [reports[name]["clips"] for name in reports] == [12, 12, 12]
    groups = reports["none"]["groups"]
    assert list(groups["sex"]["groups"]) == ["female", "male"]
    assert list(groups["duration"]["groups"]) == ["0 to 1 s", "1 to 2 s", "2 to 4 s", "4 to 8 s", "8 s and over"]


def test_what_was_stopped_goes_on_and_other_sound_is_heard_anew(cremad, tmp_path, monkeypatch):
    clips = evaluate.source(None, "cremad", cremad, "all").clips
    hearing = evaluate.AcousticCondition("clean", "whole")
    model, heard = load_model(), []

    def hears(some, _):
        heard.append(some)
        return [np.ones(16_000, np.float32)] * len(some)

    monkeypatch.setattr(embedding_cache, "hear", hears)
    first, _ = embedding_cache.embeddings(model, clips, hearing, tmp_path)
    assert len(heard) == 2  # speakers
    next(tmp_path.glob("*.npz")).unlink()
    again, durations_s = embedding_cache.embeddings(model, clips, hearing, tmp_path)
    assert len(heard) == 3
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(durations_s, 1)
    before = clips[0].path.read_bytes()
    clips[0].path.write_bytes(before + b" ")
    try:
        embedding_cache.embeddings(model, clips, hearing, tmp_path)
    finally:
        clips[0].path.write_bytes(before)
    assert len(heard) == 4
