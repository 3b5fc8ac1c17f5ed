"""Sample speaker baselines as serving estimates them: from simulated calls, with and without a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, softmax

from callmood.emotion.baseline import BaselineEstimator, BaselineParameters
from callmood.emotion.model import temperature
from callmood.emotion.population import Population
from callmood.types import EMOTIONS
from model.features.dataset import Dataset
from model.training.baseline_sampling import NEUTRAL, sample_clip_counts, sample_emotion_mixes

Floats = NDArray[np.float32]

_ROUNDS = 2  # of expectation maximization; serving has more, which change little
_MAX_CLIPS = 30  # of a sampled call, besides the clip itself
_WITH_POPULATION = 0.5  # share of the calls
_WITHOUT_BASELINE = 0.15  # share of the clips that are classified alone
_ONE_EMOTION = 0.05  # share of the calls in which all speech has the emotion of the clip
_POPULATION_CLIPS = 15  # neutral clips of a call of the population


@dataclass(frozen=True)
class Classifier:
    """A head and its calibration.

    Parameters
    ----------
    weights : list of ndarray of float32
        Kernel and bias of the hidden layer, and of the output layer.
    temperatures : pair of float
        Without a speaker baseline, and with a complete one.
    prior : ndarray of float32, shape (6,)
    """

    weights: list[Floats]
    temperatures: tuple[float, float]
    prior: Floats

    def project(self, embedded: Floats) -> Floats:
        """Return the input of the hidden layer without its bias: (n, d) -> (n, hidden)."""
        projected: Floats = embedded @ self.weights[0]
        return projected

    def probabilities(self, projected: Floats, weight: NDArray[np.float64]) -> Floats:
        """Return probabilities (n, 6), for projected differences to the baseline and the speaker weights (n,)."""
        x = projected + self.weights[1]
        hidden = 0.5 * x * (1 + erf(x / np.float32(np.sqrt(2))))  # GELU
        logits = hidden @ self.weights[2] + self.weights[3]
        divisor = np.asarray(temperature(*self.temperatures, weight), np.float32)[:, None]
        return np.asarray(softmax(logits / divisor + np.log(self.prior), axis=1), np.float32)


def estimate_baselines(
    classifier: Classifier,
    estimator: BaselineEstimator,
    embedded: Floats,
    durations_s: Floats,
    counts: Floats,
    rounds: int = _ROUNDS,
) -> Floats:
    """Estimate the baselines of n calls of one speaker, as `EmotionModel.estimate_baseline` does.

    Parameters
    ----------
    classifier : Classifier
    estimator : BaselineEstimator
    embedded : ndarray of float32, shape (m, d)
        Embeddings of the speaker's clips.
    durations_s : ndarray of float32, shape (m,)
    counts : ndarray of float32, shape (n, m)
        How often each call contains each clip. A call without clips has the baseline of an unknown speaker.
    rounds : int

    Returns
    -------
    ndarray of float32, shape (n, d)
    """
    n, emotions = len(counts), len(EMOTIONS)
    call, clip = np.nonzero(counts)  # one entry for each segment
    seconds = durations_s[clip] * counts[call, clip]
    projected = classifier.project(embedded)
    located, weight = estimator.locate_many(
        np.zeros((n, embedded.shape[1]), np.float32), np.zeros(n), np.zeros((n, emotions), np.float32)
    )
    for _ in range(rounds):
        p = classifier.probabilities(projected[clip] - classifier.project(located)[call], weight[call])
        weights_s = np.zeros_like(counts)
        weights_s[call, clip] = estimator.weights(seconds, p)
        speech_s = weights_s.sum(axis=1)
        total = np.maximum(speech_s, np.float32(1e-6))[:, None]
        shares = np.stack(
            [np.bincount(call, weights_s[call, clip] * p[:, e], n) for e in range(emotions)], axis=1
        ).astype(np.float32)
        located, weight = estimator.locate_many(
            weights_s @ embedded / total, speech_s.astype(np.float64), shares / total
        )
    return located


def sample_estimated_baselines(
    dataset: Dataset,
    classifiers: Mapping[int, Classifier],
    parameters: BaselineParameters,
    shrinkage_s: float,
    rng: np.random.Generator,
) -> Floats:
    """Sample a baseline for each clip: of a call that contains it and other clips of its speaker, (m, d).

    The population of a call is the median over half of the other speakers on its line who have neutral clips.

    Parameters
    ----------
    dataset : Dataset
        Its features are embeddings.
    classifiers : mapping of int to Classifier
        For each baseline group, a head that was not trained on its speaker, because callers are unknown too.
    parameters : BaselineParameters
    shrinkage_s : float
    rng : numpy.random.Generator
    """
    embedded, labels, groups = dataset.features.astype(np.float32), dataset.labels, dataset.baseline_groups
    alone = BaselineEstimator(parameters, shrinkage_s, None)
    baselines = np.empty_like(embedded)
    for line in np.unique(dataset.lines):
        callers = np.unique(groups[dataset.lines == line])
        calm = {}
        for group in callers:
            neutral = np.flatnonzero((groups == group) & (labels == NEUTRAL))
            if not len(neutral):
                continue
            rows = rng.choice(neutral, _POPULATION_CLIPS)
            one_call = np.ones((1, len(rows)), np.float32)
            calm[group] = estimate_baselines(
                classifiers[group], alone, embedded[rows], dataset.durations_s[rows], one_call
            )[0]
        for group in callers:
            rows = np.flatnonzero(groups == group)
            counts = _sample_calls(labels[rows], rng)
            has_population = rng.random(len(rows)) < _WITH_POPULATION
            population = alone
            if others := [other for other in calm if other != group]:
                drawn = rng.choice(others, max(1, len(others) // 2), replace=False)
                center = np.median(np.stack([calm[other] for other in drawn]), axis=0).astype(np.float32)
                population = BaselineEstimator(parameters, shrinkage_s, Population("", len(drawn), center, center))
            for selected, estimator in ((has_population, population), (~has_population, alone)):
                baselines[rows[selected]] = estimate_baselines(
                    classifiers[group], estimator, embedded[rows], dataset.durations_s[rows], counts[selected]
                )
    return baselines


def _sample_calls(labels: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    """Sample a call for each clip of a speaker: counts (m, m). Empty calls are those of clips classified alone."""
    m = len(labels)
    mixes = sample_emotion_mixes(rng, m)
    one_emotion = rng.random(m) < _ONE_EMOTION
    mixes[one_emotion] = np.eye(len(EMOTIONS))[labels[one_emotion]]
    k = np.exp(rng.uniform(0, np.log(_MAX_CLIPS), m)).astype(int)
    counts = sample_clip_counts(labels, mixes, k, rng)
    counts[np.arange(m), np.arange(m)] += 1
    counts[rng.random(m) < _WITHOUT_BASELINE] = 0
    return counts
