"""The evaluation of a model file, on synthetic tones."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from model_corpus import write_cremad
from model_program import model_error, model_output

from callmood.emotion.model import load_model
from callmood.types import EMOTIONS
from model.augmentation.conditions import AcousticCondition
from model.data.corpora import Clip
from model.data.selection import find_clips
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
def options(tmp_path, cache):
    """Options of the command for its output and its cache."""
    return ["--cache", cache, "--json", tmp_path / "evaluation.json"]


@pytest.fixture
def run(options):
    """Evaluate with these arguments, and return the report and the output."""

    def evaluated(*arguments):
        printed = model_output("evaluate", *options, *arguments)
        return json.loads(options[-1].read_text()) | {"printed": printed}

    return evaluated


@pytest.fixture
def fails(options):
    """Evaluate with these arguments, and return the error."""
    return lambda *arguments: model_error("evaluate", *options, *arguments)


@pytest.mark.parametrize("baseline", ["none", "all", "neutral:5"])
def test_report_on_the_shipped_model(cremad, run, baseline):
    found = run("--corpus", "cremad", "--root", cremad, "--baseline", baseline)
    assert found["model"] == load_model().version
    assert (found["clips"], found["speakers"], found["splits"]) == (6, 1, ["valid"])
    assert np.sum(found["confusion"]) == pytest.approx(6)
    assert found["accuracy"] == pytest.approx(100 * np.trace(found["confusion"]) / 6, abs=0.1)
    assert list(found["groups"]["duration"]["groups"]) == ["2 to 4 s"]


def test_manifest_gives_the_same_report_as_its_corpus(cremad, run, tmp_path):
    manifest = tmp_path / "manifest.parquet"
    model_output("ingest", "--corpus", "cremad", "--root", cremad, "--out", manifest)
    by_corpus = run("--corpus", "cremad", "--root", cremad)
    assert run("--manifest", manifest) == by_corpus
    assert run("--manifest", manifest, "--split", "all")["clips"] == 12


def write_ravdess(root):
    """Write clips of two actors with three emotions, one of them excluded; stereo at 48 kHz."""
    for actor in (1, 2):
        folder = root / f"Actor_{actor:02}"
        folder.mkdir(parents=True)
        for code in ("02", "05", "08"):
            sound = np.random.default_rng(int(code)).normal(0, 0.1, (48_000, 2))
            soundfile.write(folder / f"03-01-{code}-01-01-01-{actor:02}.wav", sound, 48_000)
    return root


def test_corpus_without_the_six_emotions_is_rejected(tmp_path, fails):
    root = write_ravdess(tmp_path / "ravdess")
    for file in root.glob("*/*-0[25]-01-01-01-*.wav"):
        file.unlink()
    assert "no clip has one of the six emotions" in fails("--corpus", "ravdess", "--root", root)


@pytest.mark.parametrize("channel", ["clean", "telephone"])
def test_corpus_without_splits_metadata_or_all_emotions(tmp_path, run, channel):
    found = run("--corpus", "ravdess", "--root", write_ravdess(tmp_path / "ravdess"), "--channel", channel)
    assert (found["clips"], found["speakers"], found["channel"]) == (4, 2, channel)
    assert found["excluded"] == {"surprise": 2}
    assert list(found["emotions"]) == ["anger", "neutral"]
    assert found["groups"].keys() == {"sex", "duration"}
    assert "Without clips: disgust, fear, happiness, sadness." in " ".join(found["printed"].split())


def test_unreadable_clips_are_named_and_nothing_is_written(tmp_path, fails):
    root = write_ravdess(tmp_path / "ravdess")
    torn = root / "Actor_01" / "03-01-05-01-01-01-01.wav"
    torn.write_bytes(torn.read_bytes()[:1000])
    assert torn.name in fails("--corpus", "ravdess", "--root", root)
    assert not (tmp_path / "evaluation.json").exists()
    torn.unlink()
    soundfile.write(torn, np.zeros(5), 16_000)
    assert f"{torn.name} has only 5 samples" in fails("--corpus", "ravdess", "--root", root)
    soundfile.write(torn, np.full(16_000, np.nan), 16_000, "FLOAT")
    assert f"{torn.name} contains NaN or infinite samples" in fails("--corpus", "ravdess", "--root", root)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "cremad"], "use either --manifest"),
        (["--corpus", "cremad", "--root", "nowhere"], "nowhere does not exist"),
        (["--manifest", "nowhere.parquet"], "nowhere.parquet does not exist"),
        (
            ["--corpus", "cremad", "--root", "CREMAD", "--split", "test"],
            "no clip is in split test; there are 6 train, 6 valid",
        ),
        (["--corpus", "cremad", "--root", "CREMAD", "--model", "no.tflite"], "cannot load the emotion model no.tflite"),
    ],
)
def test_missing_input_is_named(fails, cremad, arguments, message):
    assert message in fails(*(cremad if argument == "CREMAD" else argument for argument in arguments))


def test_invalid_baseline_is_rejected(cremad, fails):
    message = fails("--corpus", "cremad", "--root", cremad, "--baseline", "happy:3")
    assert "use none, all, or neutral:30" in message


class SpeakerModel:
    """A model whose embeddings are emotion and speaker. It predicts the emotion relative to the speaker."""

    def estimate_baseline(self, embeddings, durations_s):
        mean = np.average(embeddings, axis=0, weights=durations_s) if len(embeddings) else np.zeros(2)
        return SimpleNamespace(embedding=mean)

    def classify(self, embeddings, baseline, _):
        relative = embeddings[:, 1] - baseline.embedding[1]
        return np.eye(6, dtype=np.float32)[np.round(embeddings[:, 0] + relative).astype(int) % 6]


def test_baseline_is_of_the_same_speaker():
    clips = [
        Clip(None, "made", str(speaker), emotion, "valid", sex=sex)
        for speaker, sex in ((1, "female"), (2, "male"))
        for emotion in EMOTIONS
    ]
    embedded = np.array([[EMOTIONS.index(clip.emotion), int(clip.speaker)] for clip in clips], np.float32)
    durations_s = np.linspace(0.5, 9, len(clips))
    reports = {}
    for name in ("none", "all", "neutral:4"):
        sampler = evaluate.baseline_sampler(name)
        predictions = evaluate.classify_by_speaker(SpeakerModel(), clips, embedded, durations_s, sampler)
        reports[name] = assess(predictions)
    assert [reports[name]["accuracy"] for name in reports] == [0, 100, 100]
    assert [reports[name]["clips"] for name in reports] == [12, 12, 12]
    groups = reports["none"]["groups"]
    assert list(groups["sex"]["groups"]) == ["female", "male"]
    assert list(groups["duration"]["groups"]) == ["0 to 1 s", "1 to 2 s", "2 to 4 s", "4 to 8 s", "8 s and over"]


def test_embeddings_are_cached_by_the_content_of_clips(cremad, tmp_path, monkeypatch):
    clips = find_clips(None, "cremad", cremad, "all").clips
    condition = AcousticCondition("clean", "whole")
    model, decoded = load_model(), []

    def decode(clips, _):
        decoded.append(clips)
        return [np.ones(16_000, np.float32)] * len(clips)

    monkeypatch.setattr(embedding_cache, "apply_condition", decode)
    first, _ = embedding_cache.embeddings(model, clips, condition, tmp_path)
    assert len(decoded) == 2  # speakers
    next(tmp_path.glob("*.npz")).unlink()
    again, durations_s = embedding_cache.embeddings(model, clips, condition, tmp_path)
    assert len(decoded) == 3
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(durations_s, 1)
    before = clips[0].path.read_bytes()
    clips[0].path.write_bytes(before + b" ")
    try:
        embedding_cache.embeddings(model, clips, condition, tmp_path)
    finally:
        clips[0].path.write_bytes(before)
    assert len(decoded) == 4
