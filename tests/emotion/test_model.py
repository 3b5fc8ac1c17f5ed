"""Embeddings and probabilities of the shipped model, and errors of invalid model files."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from voices import voice

from callmood.emotion.associated_files import BASELINE, read_files
from callmood.emotion.baseline import SpeakerBaseline, read_parameters, unknown_speaker
from callmood.emotion.model import RUNTIMES, EmotionModel, apply_prior, load_model
from callmood.errors import ModelError
from callmood.resources import MODEL
from callmood.types import EMOTIONS

BALANCED = dict.fromkeys(EMOTIONS, 1 / 6)
UNKNOWN = unknown_speaker(3072, 6)
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


def test_segment_of_any_duration_has_one_embedding(embeddings):
    assert embeddings.shape == (5, 3072)
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()


def test_embedding_does_not_depend_on_earlier_segments(model, embeddings):
    np.testing.assert_array_equal(model.embed(voice(1.0, seed=1)), embeddings[1])


def test_long_audio_is_truncated(model):
    long = voice(9.0)
    zero_after_8_s = np.concatenate([long[: 8 * 16000], 0 * long[8 * 16000 :]])
    np.testing.assert_allclose(model.embed(zero_after_8_s), model.embed(long), atol=0.5)
    assert model.embed(long).shape == (3072,)


def test_probabilities_sum_to_one_and_do_not_depend_on_the_batch(model, embeddings):
    baseline = model.estimate_baseline(embeddings, np.ones(5))
    p = model.classify(embeddings, baseline)
    assert p.shape == (5, 6)
    assert p.dtype == np.float32
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    one_by_one = np.concatenate([model.classify(e[None], baseline) for e in embeddings])
    np.testing.assert_allclose(one_by_one, p, atol=1e-5)


def test_no_segments_have_no_probabilities(model):
    none = np.zeros((0, 3072), np.float32)
    baseline = model.estimate_baseline(none, np.zeros(0, np.float32))
    np.testing.assert_array_equal(baseline.embedding, UNKNOWN.embedding)
    assert baseline.speech_s == 0
    assert model.classify(none, baseline).shape == (0, 6)


def test_model_without_shrinkage_accepts_an_unknown_speaker():
    metadata = json.loads((MODEL / "emotion.json").read_text()) | {"baseline_shrinkage_s": 0}
    model = EmotionModel((MODEL / "emotion.tflite").read_bytes(), metadata)
    baseline = model.estimate_baseline(np.zeros((0, 3072), np.float32), np.zeros(0, np.float32))
    assert baseline.speech_s == 0
    np.testing.assert_array_equal(baseline.embedding, UNKNOWN.embedding)
    assert np.isfinite(model.classify(np.ones((1, 3072), np.float32), baseline)).all()


@pytest.mark.skipif(
    not all(find_spec(m.split(".")[0]) for m in RUNTIMES.values()), reason="both runtimes install on Python 3.11 only"
)
def test_both_runtimes_return_the_same_probabilities(embeddings):
    results = []
    for runtime in RUNTIMES:
        model = load_model(runtime=runtime)
        assert model.runtime == runtime
        e = np.stack([model.embed(voice(seconds, seed=i)) for i, seconds in enumerate((0.6, 1.0, 2.5))])
        results.append(model.classify(e, model.estimate_baseline(e, np.ones(3), prior=BALANCED), BALANCED))
    np.testing.assert_allclose(results[0], results[1], atol=0.03)


def test_prior_replaces_the_balanced_prior_of_training():
    balanced = np.log(np.array([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]], np.float32))
    np.testing.assert_allclose(apply_prior(balanced, [1 / 6] * 6), np.exp(balanced), rtol=1e-5)
    prior = [0.1, 0.05, 0.05, 0.1, 0.6, 0.1]
    expected = np.array([0.05, 0.005, 0.005, 0.01, 0.06, 0.01])
    np.testing.assert_allclose(apply_prior(balanced, prior)[0], expected / expected.sum(), rtol=1e-5)


def test_given_prior_changes_the_probabilities(model, embeddings):
    happy = {**dict.fromkeys(EMOTIONS, 0.01), "happiness": 0.95}
    p = model.classify(embeddings, UNKNOWN)
    q = model.classify(embeddings, UNKNOWN, happy)
    assert (q[:, EMOTIONS.index("happiness")] > p[:, EMOTIONS.index("happiness")]).all()


def test_speaker_weight_lowers_the_temperature(model, embeddings):
    metadata = json.loads((MODEL / "emotion.json").read_text())
    parameters = read_parameters(read_files((MODEL / "emotion.tflite").read_bytes())[BASELINE])
    mean = -(parameters.directions @ parameters.typical).astype(np.float32)  # its baseline is the corpus mean
    alone, known = (
        np.log(model.classify(embeddings, SpeakerBaseline(mean, speech_s, UNKNOWN.shares), BALANCED)).astype(float)
        for speech_s in (0.0, 9 * SHRINKAGE_S)  # speaker weights 0 and 0.9
    )
    odds = (known - known[:, :1]) / (alone - alone[:, :1] + 1e-9)
    temperature = metadata["temperature"] + 0.9 * (metadata["temperature_known"] - metadata["temperature"])
    np.testing.assert_allclose(odds[:, 1:], metadata["temperature"] / temperature, rtol=1e-2)
    assert metadata["temperature_known"] < metadata["temperature"]


def test_metadata_of_the_shipped_model(model):
    assert model.labels == EMOTIONS
    assert sum(model.prior.values()) == pytest.approx(1)
    assert max(model.prior, key=model.prior.get) == "neutral"
    assert 1 / 6 < model.confidence_threshold < 1


@pytest.mark.parametrize(
    "damage",
    ["truncated", "changed", "empty", "missing", "metadata missing", "metadata invalid", "metadata incomplete"],
)
def test_damaged_model_raises_model_error(files, damage):
    model, metadata = files / "emotion.tflite", files / "emotion.json"
    content = model.read_bytes()
    if damage == "truncated":
        model.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        middle = len(content) // 2
        model.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "empty":
        model.write_bytes(b"")
    elif damage == "missing":
        model.unlink()
    elif damage == "metadata missing":
        metadata.unlink()
    elif damage == "metadata invalid":
        metadata.write_text("{")
    else:
        metadata.write_text(json.dumps({"version": json.loads(metadata.read_text())["version"]}))
    with pytest.raises(ModelError, match=r"emotion\.tflite|version"):
        load_model(model)


def test_copy_of_the_model_has_the_same_version(files, model):
    assert load_model(files / "emotion.tflite").version == model.version
