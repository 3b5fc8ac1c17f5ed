"""The shipped model through the code that serves it."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from voices import voice

from callmood.emotion.baseline import SpeakerBaseline, estimate_baseline, unknown_speaker
from callmood.emotion.model import RUNTIMES, EmotionModel, apply_prior, load_model
from callmood.errors import ModelError
from callmood.resources import MODEL
from callmood.types import EMOTIONS

EVEN = dict.fromkeys(EMOTIONS, 1 / 6)
UNKNOWN = unknown_speaker(3072)
SHRINKAGE_S = json.loads((MODEL / "emotion.json").read_text())["baseline_shrinkage_s"]


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def embeddings(model):
    return np.stack([model.embed(voice(seconds, seed=i)) for i, seconds in enumerate((0.6, 1.0, 2.5, 3.0, 8.0))])


@pytest.fixture
def files(tmp_path):
    for name in ("emotion.tflite", "emotion.json"):
        shutil.copy(MODEL / name, tmp_path)
    return tmp_path


def test_a_segment_of_any_length_gives_one_embedding(embeddings):
    assert embeddings.shape == (5, 3072)
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()


def test_the_answer_does_not_depend_on_what_was_embedded_before(model, embeddings):
    again = model.embed(voice(1.0, seed=1))
    np.testing.assert_array_equal(again, embeddings[1])


def test_what_is_longer_than_the_longest_segment_is_cut(model):
    long = voice(9.0)
    mel_sees_the_same_maximum = np.concatenate([long[: 8 * 16000], 0 * long[8 * 16000 :]])
    np.testing.assert_allclose(model.embed(mel_sees_the_same_maximum), model.embed(long), atol=0.5)
    assert model.embed(long).shape == (3072,)


def test_probabilities(model, embeddings):
    p = model.classify(embeddings, estimate_baseline(embeddings, np.ones(5)))
    assert p.shape == (5, 6)
    assert p.dtype == np.float32
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    one_by_one = np.concatenate(
        [model.classify(e[None], estimate_baseline(embeddings, np.ones(5))) for e in embeddings]
    )
    np.testing.assert_allclose(one_by_one, p, atol=1e-5)


def test_no_segments_no_probabilities(model):
    none = np.zeros((0, 3072), np.float32)
    baseline = estimate_baseline(none, np.zeros(0, np.float32))
    mean, weight = baseline.shrunk(SHRINKAGE_S)
    np.testing.assert_array_equal(mean, UNKNOWN.embedding)
    assert weight == 0
    assert model.classify(none, baseline).shape == (0, 6)


def test_a_model_without_shrinkage_may_have_heard_nothing():
    facts = json.loads((MODEL / "emotion.json").read_text()) | {"baseline_shrinkage_s": 0}
    model = EmotionModel((MODEL / "emotion.tflite").read_bytes(), facts)
    baseline = estimate_baseline(np.zeros((0, 3072), np.float32), np.zeros(0, np.float32))
    mean, weight = baseline.shrunk(0.0)
    assert weight == 0
    np.testing.assert_array_equal(mean, UNKNOWN.embedding)
    assert np.isfinite(model.classify(np.ones((1, 3072), np.float32), baseline)).all()


@pytest.mark.skipif(
    not all(find_spec(m.split(".")[0]) for m in RUNTIMES.values()), reason="both runtimes install on Python 3.11 only"
)
def test_both_runtimes_give_the_same_answer(embeddings):
    answers = []
    for runtime in RUNTIMES:
        model = load_model(runtime=runtime)
        assert model.runtime == runtime
        e = np.stack([model.embed(voice(seconds, seed=i)) for i, seconds in enumerate((0.6, 1.0, 2.5))])
        answers.append(model.classify(e, estimate_baseline(e, np.ones(3)), EVEN))
    np.testing.assert_allclose(answers[0], answers[1], atol=0.03)


def test_the_baseline_of_one_segment_leaves_most_of_it(model, embeddings):
    baseline = estimate_baseline(embeddings[:1], np.array([2.0]))
    mean, _ = baseline.shrunk(SHRINKAGE_S)
    assert 0 < np.linalg.norm(mean) < 0.5 * np.linalg.norm(embeddings[0])


def test_prior_of_calls_replaces_that_of_the_training_set():
    balanced = np.log(np.array([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]], np.float32))
    np.testing.assert_allclose(apply_prior(balanced, [1 / 6] * 6), np.exp(balanced), rtol=1e-5)
    prior = [0.1, 0.05, 0.05, 0.1, 0.6, 0.1]
    expected = np.array([0.05, 0.005, 0.005, 0.01, 0.06, 0.01])
    np.testing.assert_allclose(apply_prior(balanced, prior)[0], expected / expected.sum(), rtol=1e-5)


def test_a_users_prior_is_used(model, embeddings):
    happy = {**dict.fromkeys(EMOTIONS, 0.01), "happiness": 0.95}
    p = model.classify(embeddings, UNKNOWN)
    q = model.classify(embeddings, UNKNOWN, happy)
    assert (q[:, EMOTIONS.index("happiness")] > p[:, EMOTIONS.index("happiness")]).all()


def test_the_better_a_voice_is_known_the_surer_the_answer(model, embeddings):
    facts = json.loads((MODEL / "emotion.json").read_text())
    alone, known = (
        np.log(model.classify(embeddings, SpeakerBaseline(UNKNOWN.embedding, speech_s), EVEN)).astype(float)
        for speech_s in (0.0, 9 * SHRINKAGE_S)  # speaker weights 0 and 0.9
    )
    odds = (known - known[:, :1]) / (alone - alone[:, :1] + 1e-9)
    temperature = facts["temperature"] + 0.9 * (facts["temperature_known"] - facts["temperature"])
    np.testing.assert_allclose(odds[:, 1:], facts["temperature"] / temperature, rtol=1e-2)
    assert facts["temperature_known"] < facts["temperature"]


def test_facts(model):
    assert model.labels == EMOTIONS
    assert sum(model.prior.values()) == pytest.approx(1)
    assert max(model.prior, key=model.prior.get) == "neutral"
    assert 1 / 6 < model.confidence_threshold < 1


@pytest.mark.parametrize(
    "damage", ["cut short", "a weight changed", "empty", "missing", "facts missing", "facts garbled", "other facts"]
)
def test_a_damaged_model_is_refused_in_words(files, damage):
    model, facts = files / "emotion.tflite", files / "emotion.json"
    content = model.read_bytes()
    if damage == "cut short":
        model.write_bytes(content[: len(content) // 2])
    elif damage == "a weight changed":
        middle = len(content) // 2
        model.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "empty":
        model.write_bytes(b"")
    elif damage == "missing":
        model.unlink()
    elif damage == "facts missing":
        facts.unlink()
    elif damage == "facts garbled":
        facts.write_text("{")
    else:
        facts.write_text(json.dumps({"version": json.loads(facts.read_text())["version"]}))
    with pytest.raises(ModelError, match=r"emotion\.tflite|version"):
        load_model(model)


def test_a_copy_of_the_model_is_the_same_version(files, model):
    assert load_model(files / "emotion.tflite").version == model.version


def test_baseline_of_chunks_is_the_baseline_of_all_segments(embeddings):
    durations_s = np.array([0.6, 1.0, 2.5, 3.0, 8.0], np.float32)
    whole = estimate_baseline(embeddings, durations_s)
    chunks = estimate_baseline(embeddings[:2], durations_s[:2]).update(embeddings[2:], durations_s[2:])
    np.testing.assert_allclose(chunks.embedding, whole.embedding, atol=1e-5)
    assert chunks.speech_s == pytest.approx(whole.speech_s)
    assert whole.update(embeddings[:0], durations_s[:0]) is whole
