"""Speakers' baselines as calls give them: a few to many utterances of one voice, mostly neutral."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callmood.types import EMOTIONS
from model import config
from model.features.dataset import Dataset

NEUTRAL = EMOTIONS.index("neutral")


def mixes(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Draw n mixes of emotions, (n, 6).

    Neutral's share is anything from none to all, mostly large; the rest goes at random to the others, often to one.
    """
    others = rng.dirichlet(np.full(len(EMOTIONS), 0.7), n)
    neutral = rng.beta(2.0, 1.0, (n, 1))
    return (1 - neutral) * others + neutral * (np.arange(len(EMOTIONS)) == NEUTRAL)


def counts(
    labels: NDArray[np.intp], mix: NDArray[np.float64], k: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw n baselines' clips from one speaker's.

    Parameters
    ----------
    labels : ndarray of int, shape (m,)
        The speaker's clips' emotions.
    mix : ndarray of float, shape (n, 6)
        Each baseline's share of each emotion; what the speaker has no clip of is left out.
    k : ndarray of int, shape (n,)
        Clips in each baseline.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, shape (n, m)
        How often each clip is in each baseline.
    """
    per_class = np.bincount(labels, minlength=len(EMOTIONS))
    p = (mix / np.maximum(per_class, 1))[:, labels]
    return rng.multinomial(k, p / p.sum(axis=1, keepdims=True)).astype(np.float32)


def drawn(
    embedded: NDArray[np.float32], heard: Dataset, rng: np.random.Generator, options: config.Baselines
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw each clip a baseline of its speaker: the clip itself and others, as `EmotionModel.baseline` weighs them.

    Parameters
    ----------
    embedded : ndarray of float32, shape (m, d)
        Embeddings of the clips heard.
    heard : Dataset
    rng : numpy.random.Generator
    options : config.Baselines

    Returns
    -------
    mean : ndarray of float32, shape (m, d)
    known : ndarray of float32, shape (m,)
        As in `callmood.emotion.baseline.SpeakerBaseline.shrunk`.
    """
    mean, known = np.empty_like(embedded), np.empty(len(embedded), np.float32)
    for voice in np.unique(heard.baseline_groups):
        mine = np.flatnonzero(heard.baseline_groups == voice)
        n = len(mine)
        k = np.exp(rng.uniform(0, np.log(options.max_clips), n)).astype(int)
        times = counts(heard.labels[mine], mixes(rng, n), k, rng)  # (n, n): baselines by clips
        times[np.arange(n), np.arange(n)] += 1
        times[rng.random(n) < options.no_baseline_ratio] = 0
        seconds = times * heard.durations_s[mine]
        # The corpus mean, 0, counts as some seconds more.
        total = np.maximum(seconds.sum(axis=1) + np.float32(options.shrinkage_s), 1e-6)
        mean[mine] = seconds @ embedded[mine] / total[:, None]
        known[mine] = seconds.sum(axis=1) / total
    return mean, known
