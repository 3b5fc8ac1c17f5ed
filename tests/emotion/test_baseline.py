"""Baselines of speakers: synthetic embeddings with known speakers and emotions, and the shipped model."""

import numpy as np
import pytest
from voices import voice

from callmood.emotion.associated_files import pack_files, read_files
from callmood.emotion.baseline import BaselineEstimator, read_parameters, unknown_speaker
from callmood.emotion.model import load_model
from callmood.emotion.population import MIN_CALLS, Population, estimate_population, read_population
from callmood.errors import ModelError
from callmood.types import EMOTIONS
from model.training.baseline_fit import fit_baseline

ANGER, NEUTRAL = EMOTIONS.index("anger"), EMOTIONS.index("neutral")
D = 24
SHRINKAGE_S = 5.0


def corpus(rng, speakers=40, clips=120):
    """Embeddings in which speakers differ in the first half of the dimensions, and emotions in the last ones."""
    labels = np.tile(np.arange(6), clips // 6 * speakers)
    groups = np.repeat(np.arange(speakers), clips)
    voices = np.concatenate([rng.normal(0, 2, (speakers, D // 2)), np.zeros((speakers, D // 2))], axis=1)
    offsets = np.zeros((6, D))
    offsets[np.arange(6), D - 1 - np.arange(6)] = 3.0
    offsets[NEUTRAL] = 0
    embedded = voices[groups] + offsets[labels] + rng.normal(0, 0.3, (len(labels), D))
    return embedded.astype(np.float32), labels, groups, offsets


@pytest.fixture(scope="module")
def fitted():
    embedded, labels, groups, offsets = corpus(np.random.default_rng(0))
    return fit_baseline(embedded, labels, groups), offsets


def population(mean):
    mean = np.asarray(mean, np.float32)
    return Population("m", 50, mean, np.ones_like(mean))


def statistics(embedded, durations_s, probabilities, estimator):
    return unknown_speaker(D, 6).update(embedded, estimator.weights(durations_s, probabilities), probabilities)


def typical(parameters):
    """Return the difference of a typical call to neutral speech: a share of all emotions except anger."""
    difference = parameters.directions @ parameters.typical
    assert abs(difference[D - 1 - ANGER]) < 0.05
    assert 0.1 < np.linalg.norm(difference) < 1
    return difference


def certain(emotion, n):
    return np.tile(np.eye(6, dtype=np.float32)[emotion], (n, 1))


def test_anger_throughout_a_call_does_not_become_the_baseline(fitted):
    parameters, offsets = fitted
    rng = np.random.default_rng(1)
    speaker = np.concatenate([rng.normal(0, 2, D // 2), np.zeros(D // 2)])
    angry = (speaker + offsets[ANGER] + rng.normal(0, 0.3, (4, D))).astype(np.float32)
    estimator = BaselineEstimator(parameters, SHRINKAGE_S, population(np.zeros(D)))
    unsure = np.full((4, 6), 1 / 6, np.float32)  # even if the segments are not recognized as angry
    located, weight = estimator.locate(statistics(angry, np.full(4, 2.5), unsure, estimator))
    assert 0.5 < weight < 1
    np.testing.assert_allclose(located[: D // 2], speaker[: D // 2], atol=0.6)
    direction = D - 1 - ANGER
    assert angry.mean(axis=0)[direction] > 2.5
    assert abs(located[direction]) < 1.0


def test_recognized_anger_is_subtracted(fitted):
    parameters, offsets = fitted
    estimator = BaselineEstimator(parameters, SHRINKAGE_S, population(np.zeros(D)))
    angry = np.tile(offsets[ANGER], (20, 1)).astype(np.float32)
    located, _ = estimator.locate(statistics(angry, np.full(20, 2.5), certain(ANGER, 20), estimator))
    assert np.linalg.norm(located) < 0.3 * np.linalg.norm(offsets[ANGER])


def test_baseline_is_relative_to_the_population(fitted):
    parameters, _ = fitted
    center = np.full(D, 1.5, np.float32)  # another accent or line, also in the direction of anger
    estimator = BaselineEstimator(parameters, SHRINKAGE_S, population(center))
    np.testing.assert_array_equal(estimator.locate(unknown_speaker(D, 6))[0], center)
    calm = statistics(np.tile(center, (10, 1)), np.ones(10), certain(NEUTRAL, 10), estimator)
    located, weight = estimator.locate(calm)
    np.testing.assert_allclose(located, center + weight * typical(parameters), atol=1e-4)


def test_without_a_population_segments_count_by_how_neutral_they_are(fitted):
    parameters, _ = fitted
    estimator = BaselineEstimator(parameters, SHRINKAGE_S, None)
    embedded = np.array([np.full(D, 1.0), np.full(D, 9.0)], np.float32)
    probabilities = np.concatenate([certain(NEUTRAL, 1), certain(ANGER, 1)])
    located, weight = estimator.locate(statistics(embedded, np.array([5.0, 60.0]), probabilities, estimator))
    assert weight == pytest.approx(0.5)
    np.testing.assert_allclose(located, 0.5 + 0.5 * typical(parameters), atol=1e-5)


def test_speaker_without_any_neutral_speech_stays_unknown(fitted):
    estimator = BaselineEstimator(fitted[0], SHRINKAGE_S, None)
    embedded, angry = np.ones((3, D), np.float32), np.eye(6, dtype=np.float32)[[ANGER] * 3]
    weights = estimator.weights(np.full(3, 4.0, np.float32), angry)
    baseline = unknown_speaker(D, 6).update(embedded, weights, angry)
    located, weight = estimator.locate(baseline)
    assert (weight, baseline.speech_s) == (0, 0)
    assert np.isfinite(located).all()


@pytest.mark.parametrize("with_population", [False, True])
def test_statistics_of_chunks_are_those_of_all_segments(fitted, with_population):
    parameters, _ = fitted
    rng = np.random.default_rng(0)
    embedded = rng.normal(size=(5, D)).astype(np.float32)
    durations_s = np.array([0.6, 1.0, 2.5, 3.0, 8.0], np.float32)
    probabilities = rng.dirichlet(np.ones(6), 5).astype(np.float32)
    estimator = BaselineEstimator(parameters, SHRINKAGE_S, population(np.zeros(D)) if with_population else None)
    weights_s = estimator.weights(durations_s, probabilities)
    whole = unknown_speaker(D, 6).update(embedded, weights_s, probabilities)
    chunks = unknown_speaker(D, 6).update(embedded[:2], weights_s[:2], probabilities[:2])
    chunks = chunks.update(embedded[2:], weights_s[2:], probabilities[2:])
    np.testing.assert_allclose(chunks.embedding, whole.embedding, atol=1e-5)
    np.testing.assert_allclose(chunks.shares, whole.shares, atol=1e-5)
    assert chunks.speech_s == pytest.approx(whole.speech_s)
    assert whole.update(embedded[:0], weights_s[:0], probabilities[:0]) is whole


def test_parameters_survive_the_file(fitted):
    parameters, _ = fitted
    read = read_parameters(parameters.to_bytes())
    np.testing.assert_array_equal(read.directions, parameters.directions)
    np.testing.assert_allclose(read.between, parameters.between, rtol=1e-6, atol=1e-6)
    assert read.neutral == NEUTRAL


def test_speakers_without_neutral_clips_are_not_fitted():
    embedded, labels, groups, _ = corpus(np.random.default_rng(0), speakers=3)
    with pytest.raises(ValueError, match="no speaker has neutral clips"):
        fit_baseline(embedded[labels != NEUTRAL], labels[labels != NEUTRAL], groups[labels != NEUTRAL])


def test_population_ignores_one_unusual_call_in_ten():
    means = np.random.default_rng(0).normal(1.0, 0.5, (100, D)).astype(np.float32)
    means[:10] += 50
    found = estimate_population("m", list(means))
    np.testing.assert_allclose(found.mean, 1.0, atol=0.3)
    np.testing.assert_allclose(found.deviation, 0.5, atol=0.25)
    assert found.calls == 100


def test_population_needs_enough_calls():
    with pytest.raises(ModelError, match=f"49 calls .* at least {MIN_CALLS}"):
        estimate_population("m", [np.zeros(D, np.float32)] * 49)


def test_population_survives_the_file_which_has_two_vectors_only():
    found = estimate_population("m", list(np.random.default_rng(0).normal(size=(60, D)).astype(np.float32)))
    read = read_population(found.to_json(), "p.json")
    assert read.version == found.version
    np.testing.assert_array_equal(read.mean, found.mean)
    assert len(found.to_json()) < 1000


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": 2}', b'{"format": 1, "mean": ["x"]}'])
def test_damaged_population_is_reported(content):
    with pytest.raises(ModelError, match=r"cannot read the population p\.json"):
        read_population(content, "p.json")


def test_packed_files_do_not_change_the_network():
    packed = pack_files(b"network", {"b": b"2", "a": b"1"})
    assert packed.startswith(b"network")
    assert read_files(packed) == {"a": b"1", "b": b"2"}
    assert pack_files(packed, {"a": b"1", "b": b"2"}) == packed
    assert pack_files(packed, {}) == b"network"
    assert read_files(b"network") == {}


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def segments(model):
    return np.stack([model.embed(voice(seconds, seed=i)) for i, seconds in enumerate((0.6, 1.0, 2.5, 3.0, 8.0))])


def test_shipped_model_has_no_population(model):
    assert model.population is None
    assert model.population_version is None
    assert model.state_version == model.version


def test_calibrated_model_classifies_relative_to_the_population(model, segments):
    found = Population(model.base_version, 50, segments.mean(axis=0), np.ones(3072, np.float32))
    calibrated = model.calibrated(found)
    assert calibrated.population_version == found.version
    assert calibrated.state_version == f"{model.version}+{found.version}"
    assert model.population is None
    assert model.calibrated(None) is model
    durations_s = np.ones(5, np.float32)
    one, other = (
        each.classify(segments, each.estimate_baseline(segments, durations_s)) for each in (model, calibrated)
    )
    assert np.abs(one - other).max() > 0.01
    assert calibrated.classify(found.mean[None]).argmax() == NEUTRAL


def test_population_of_another_model_is_refused(model):
    with pytest.raises(ModelError, match="belongs to model 000000000000, but the model is"):
        model.calibrated(Population("000000000000", 50, np.zeros(3072, np.float32), np.ones(3072, np.float32)))


def test_estimate_of_chunks_is_close_to_that_of_the_call(model, segments):
    durations_s = np.array([0.6, 1.0, 2.5, 3.0, 8.0], np.float32)
    whole = model.estimate_baseline(segments, durations_s)
    first = model.estimate_baseline(segments[:3], durations_s[:3])
    continued = model.estimate_baseline(segments[3:], durations_s[3:], first)
    np.testing.assert_allclose(model.classify(segments, continued), model.classify(segments, whole), atol=0.25)
