"""Fit the linear discriminant that separates the speakers of one channel, `speakers.npz`.

It projects the emotion model's embeddings onto the directions in which speakers differ, whatever their emotion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from callmood.emotion.model import EmotionModel
from callmood.speech.diarization import SpeakerSpace, cluster_centroids
from model.augmentation.conditions import AcousticCondition
from model.data.corpora import Clip
from model.features.embedding_cache import embeddings
from model.files import atomic_write

CONDITIONS = (
    AcousticCondition("random_telephone", "speech", 2),
    AcousticCondition("random_telephone", "speech", 3),
    AcousticCondition("random_telephone", "random", 4),
)
"""tuple of AcousticCondition: each speaker has another telephone line in each, as the parties of a call have."""

CLIPS_PER_SPEAKER = 28
DIRECTIONS = 40
HELD_OUT = 12  # speakers that set the slope

_COMPONENTS = 200
_REGULARIZATION = 1e-2
_TURNS = 20  # segments of a speaker in a simulated channel
_CHANNELS = 400

Array = NDArray[np.float64]
Strings = NDArray[np.str_]


def sample_clips(clips: Sequence[Clip], per_speaker: int) -> list[Clip]:
    """Sample the same number of clips of every speaker, of any emotion."""
    by_speaker = defaultdict(list)
    for clip in clips:
        by_speaker[clip.speaker].append(clip)
    rng = np.random.default_rng(0)
    return [
        by_speaker[speaker][index]
        for speaker in sorted(by_speaker)
        for index in sorted(rng.permutation(len(by_speaker[speaker]))[:per_speaker])
    ]


def fit(embedded: NDArray[np.floating[Any]], voices: Strings) -> tuple[Array, Array]:
    """Fit the discriminant (Fisher, 1936) on the principal components of the embeddings.

    Parameters
    ----------
    embedded : ndarray of float, shape (k, d)
    voices : ndarray of str, shape (k,)
        Speaker and telephone line of each embedding: in a call, both separate the parties.

    Returns
    -------
    tuple of (ndarray of float64, ndarray of float64)
        Mean (d,) and transform (d, 40).
    """
    mean = embedded.mean(axis=0, dtype=np.float64)
    centered = embedded - mean
    variances, directions = np.linalg.eigh(centered.T @ centered / len(centered))
    count = min(_COMPONENTS, len(mean))
    whitening = directions[:, ::-1][:, :count] / np.sqrt(np.maximum(variances[::-1][:count], 1e-9))
    white = centered @ whitening
    within, between = np.zeros((count, count)), np.zeros((count, count))
    for voice in np.unique(voices):
        own = white[voices == voice]
        center = own.mean(axis=0)
        within += (own - center).T @ (own - center)
        between += len(own) * np.outer(center, center)
    _, axes = eigh(between, within + _REGULARIZATION * np.trace(within) / count * np.eye(count))
    transform = whitening @ axes[:, ::-1][:, :DIRECTIONS]
    # Only directions count, and half precision needs numbers near 1.
    return mean, transform / np.abs(transform).max()


def calibrate(
    space: SpeakerSpace, embedded: NDArray[np.float32], durations_s: NDArray[np.float32], voices: Strings
) -> float:
    """Return the slope of the confidence with the highest likelihood on simulated channels of two speakers.

    Parameters
    ----------
    space : SpeakerSpace
        Fitted without these speakers.
    embedded : ndarray of float32, shape (k, d)
    durations_s : ndarray of float32, shape (k,)
    voices : ndarray of str, shape (k,)
    """
    rng = np.random.default_rng(0)
    projected, names = space.project(embedded), np.unique(voices)
    margins = []
    for _ in range(_CHANNELS):
        first, second = rng.choice(names, 2, replace=False)
        turns = np.concatenate([rng.choice(np.flatnonzero(voices == name), _TURNS) for name in (first, second)])
        centroids = cluster_centroids(projected[turns], durations_s[turns], 2)
        similarity = projected[turns] @ centroids.T
        margin = (similarity[:, 0] - similarity[:, 1]) * np.sqrt(durations_s[turns]) * np.repeat([1, -1], _TURNS)
        margins.append(margin if margin.sum() >= 0 else -margin)
    slopes = np.geomspace(0.5, 50, 100)
    losses = [np.logaddexp(0, -slope * np.concatenate(margins)).mean() for slope in slopes]
    return float(slopes[np.argmin(losses)])


def write_speaker_space(model: EmotionModel, clips: Sequence[Clip], cache: Path, output: Path) -> SpeakerSpace:
    """Fit the discriminant on the clips of all speakers, and write it.

    Parameters
    ----------
    model : EmotionModel
        Embeds the clips.
    clips : sequence of Clip
        Of more than `HELD_OUT` speakers.
    cache : Path
        Folder of cached embeddings.
    output : Path
        The NumPy archive, about 250 kB.

    Returns
    -------
    SpeakerSpace
        As written.
    """
    sampled = sample_clips(clips, CLIPS_PER_SPEAKER)
    parts = [embeddings(model, sampled, condition, cache) for condition in CONDITIONS]
    embedded = np.concatenate([e for e, _ in parts]).astype(np.float32)
    durations_s = np.concatenate([d for _, d in parts])
    speakers = np.tile([clip.speaker for clip in sampled], len(CONDITIONS))
    lines = np.repeat([str(number) for number in range(len(CONDITIONS))], len(sampled))
    voices = np.char.add(np.char.add(speakers, "/"), lines)
    held_out = np.isin(speakers, np.unique(speakers)[-HELD_OUT:])
    trial = SpeakerSpace(*fit(embedded[~held_out], voices[~held_out]), 1.0)
    slope = calibrate(trial, embedded[held_out], durations_s[held_out], voices[held_out])
    mean, transform = fit(embedded, voices)
    with atomic_write(output) as unfinished, unfinished.open("wb") as opened:
        np.savez_compressed(
            opened,
            mean=mean.astype(np.float16),
            transform=transform.astype(np.float16),
            slope=slope,
        )
    return SpeakerSpace(mean, transform, slope)
