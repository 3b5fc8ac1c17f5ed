"""Baselines for training are those of serving. These tests need TensorFlow (extra `train`)."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra train: pip install -e '.[train,test]'")

from model_corpus import write_cremad
from model_program import model_output
from voices import voice

from callmood.emotion.associated_files import BASELINE, read_files
from callmood.emotion.baseline import BaselineEstimator, read_parameters
from callmood.emotion.model import load_model
from callmood.emotion.population import Population
from callmood.resources import MODEL
from model.networks.tflite_head import read_head
from model.training.estimated_baselines import Classifier, estimate_baselines

SHIPPED = MODEL / "emotion.tflite"


@pytest.mark.parametrize("with_population", [False, True])
def test_baselines_of_many_calls_are_those_of_serving(with_population):
    model = load_model()
    clips = [voice(1.0 + 0.3 * n, seed=n, pitch_hz=110 + 15 * n) * np.float32(0.1 + 0.1 * n) for n in range(8)]
    embedded = np.stack([model.embed(clip) for clip in clips])
    durations_s = np.array([len(clip) / 16_000 for clip in clips], np.float32)
    population = None
    if with_population:
        center = embedded[:3].mean(axis=0)
        population = Population(model.version, 50, center, center)
        model = model.calibrated(population)
    content = SHIPPED.read_bytes()
    parameters = read_parameters(read_files(content)[BASELINE])
    estimator = BaselineEstimator(parameters, model._shrinkage_s, population)
    prior = np.array(list(model.prior.values()), np.float32)
    temperatures = (model._temperature_unknown, model._temperature_known)
    classifier = Classifier(read_head(content), temperatures, prior)
    counts = np.array([[1] * 8, [0, 2, 0, 1, 0, 0, 1, 0], [0] * 8], np.float32)
    estimated = estimate_baselines(classifier, estimator, embedded, durations_s, counts, rounds=4)
    for count, found in zip(counts, estimated, strict=True):
        chosen = np.repeat(np.arange(8), count.astype(int))
        served, _ = estimator.locate(model.estimate_baseline(embedded[chosen], durations_s[chosen]))
        np.testing.assert_allclose(found, served, atol=0.05)  # 8-bit arithmetic in the file; values of about 1


def test_fitted_parts_make_a_new_model_file(tmp_path):
    corpus = write_cremad(tmp_path / "cremad", 4, 2)
    arguments = ["--corpus", "cremad", "--root", corpus, "--cache", tmp_path / "cache"]
    baseline, head = tmp_path / "baseline.tflite", tmp_path / "head.tflite"
    model_output("fit-baseline", *arguments, "--out", baseline)
    model_output("fit-head", *arguments, "--model", baseline, "--out", head)
    models = [load_model(path) for path in (SHIPPED, baseline, head)]
    assert len({model.version for model in models}) == 3
    files = [read_files(path.read_bytes())[BASELINE] for path in (SHIPPED, baseline, head)]
    assert files[0] != files[1] == files[2]
    clip = voice(2.0)
    embedded = models[0].embed(clip)[None]
    for model in models:
        np.testing.assert_array_equal(model.embed(clip)[None], embedded)
    uniform = dict.fromkeys(models[0].labels, 1 / 6)
    shipped, same, other = (model.classify(embedded, None, uniform) for model in models)
    np.testing.assert_array_equal(same, shipped)
    assert np.abs(other - shipped).max() > 0.001
