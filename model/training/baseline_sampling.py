"""Sample speaker baselines as they occur in calls: from few or many utterances of one speaker, mostly neutral."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callmood.types import EMOTIONS
from model import config
from model.features.dataset import Dataset

NEUTRAL = EMOTIONS.index("neutral")


def sample_emotion_mixes(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Sample n emotion mixes, shape (n, 6); rows sum to 1.

    The share of neutral is between 0 and 1, and mostly large. The rest is divided at random among the other emotions,
    often to one of them.
    """
    others = rng.dirichlet(np.full(len(EMOTIONS), 0.7), n)
    neutral = rng.beta(2.0, 1.0, (n, 1))
    mixes: NDArray[np.float64] = (1 - neutral) * others + neutral * (np.arange(len(EMOTIONS)) == NEUTRAL)
    return mixes


def sample_clip_counts(
    labels: NDArray[np.intp], mix: NDArray[np.float64], k: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Sample the clips of n baselines from the clips of one speaker.

    Parameters
    ----------
    labels : ndarray of int, shape (m,)
        Emotion of each of the speaker's clips.
    mix : ndarray of float, shape (n, 6)
        Share of each emotion in each baseline. Emotions without a clip are ignored.
    k : ndarray of int, shape (n,)
        Number of clips in each baseline.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, shape (n, m)
        How often each baseline contains each clip.
    """
    per_class = np.bincount(labels, minlength=len(EMOTIONS))
    p = (mix / np.maximum(per_class, 1))[:, labels]
    return rng.multinomial(k, p / p.sum(axis=1, keepdims=True)).astype(np.float32)


def sample_baselines(
    embedded: NDArray[np.float32], dataset: Dataset, rng: np.random.Generator, options: config.Baselines
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sample a baseline for each clip: the clip itself and other clips of its speaker.

    The weights are those of `SpeakerBaseline.shrunk`.

    Parameters
    ----------
    embedded : ndarray of float32, shape (m, d)
        Embeddings of the clips.
    dataset : Dataset
    rng : numpy.random.Generator
    options : config.Baselines

    Returns
    -------
    mean : ndarray of float32, shape (m, d)
    weight : ndarray of float32, shape (m,)
        As in `callmood.emotion.baseline.SpeakerBaseline.shrunk`.
    """
    mean, weight = np.empty_like(embedded), np.empty(len(embedded), np.float32)
    groups = dataset.baseline_groups
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        n = len(rows)
        k = np.exp(rng.uniform(0, np.log(options.max_clips), n)).astype(int)
        counts = sample_clip_counts(dataset.labels[rows], sample_emotion_mixes(rng, n), k, rng)  # (n, n)
        counts[np.arange(n), np.arange(n)] += 1
        counts[rng.random(n) < options.no_baseline_ratio] = 0
        seconds = counts * dataset.durations_s[rows]
        # The corpus mean, which is 0, contributes `shrinkage_s` seconds.
        total = np.maximum(seconds.sum(axis=1) + np.float32(options.shrinkage_s), 1e-6)
        mean[rows] = seconds @ embedded[rows] / total[:, None]
        weight[rows] = seconds.sum(axis=1) / total
    return mean, weight
