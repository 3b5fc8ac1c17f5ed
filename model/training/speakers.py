"""Fit the linear discriminant that separates the speakers of one channel, `speakers.npz`.

It projects the emotion model's embeddings onto the directions in which speakers differ, whatever their emotion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import minimize

from callmood.emotion.model import EmotionModel
from callmood.errors import CallmoodError
from callmood.speech.diarization import MIN_SPEAKER_S, RELIABLE_S, SpeakerSpace, divide
from model.augmentation.conditions import AcousticCondition
from model.data.corpora import Clip
from model.features.embedding_cache import embeddings

CONDITIONS = (
    AcousticCondition("random_telephone", "speech", 2),
    AcousticCondition("random_telephone", "speech", 3),
    AcousticCondition("random_telephone", "random", 4),
    AcousticCondition("telephone", "speech", 2),
)
"""tuple of AcousticCondition: each speaker has another telephone line in each, as the parties of a call have, except in
the last one."""

CLIPS_PER_SPEAKER = 28
DIRECTIONS = 40
FOLDS = 3
"""int: a fold of the speakers sets the slope and the weights for a discriminant of the others."""

_COMPONENTS = 200
_REGULARIZATION = 1e-2
_CHANNELS = 1500  # simulated for each fold
_SEGMENTS = (8, 12, 16, 24, 30, 48)
_SHARES = (0.25, 0.4, 0.5, 0.6, 0.75)  # of the first speaker
_FALSE_SPLITS = 0.02  # of the channels of one speaker

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


@dataclass(frozen=True)
class SimulatedChannels:
    """What `divide` finds in simulated channels of speakers that the discriminant does not know.

    Parameters
    ----------
    evidence : ndarray of float64, shape (k, 4)
        See `Halves`.
    has_two : ndarray of bool, shape (k,)
        Whether the channel has two speakers.
    margins : list of ndarray of float64
        For each channel and segment, the similarity to its speaker minus that to the other one, times the square root
        of its duration.
    """

    evidence: Array
    has_two: NDArray[np.bool_]
    margins: list[Array]


def simulate_channels(
    space: SpeakerSpace, embedded: NDArray[np.float32], durations_s: NDArray[np.float32], speakers: Strings
) -> SimulatedChannels:
    """Divide channels of one and of two speakers, each in one of several conditions.

    Parameters
    ----------
    space : SpeakerSpace
        Fitted without these speakers.
    embedded : ndarray of float32, shape (conditions, k, d)
    durations_s : ndarray of float32, shape (conditions, k)
    speakers : ndarray of str, shape (k,)
    """
    rng = np.random.default_rng(0)
    projected = np.stack([space.project(each) for each in embedded])
    own = {name: np.flatnonzero(speakers == name) for name in np.unique(speakers)}
    evidence, has_two, margins = [], [], []
    for index in range(_CHANNELS):
        condition, count = rng.integers(len(embedded)), int(rng.choice(_SEGMENTS))
        first = round(count * float(rng.choice(_SHARES))) if index % 2 else count
        names = rng.choice(list(own), 2, replace=False)
        parts = [rng.permutation(own[name])[:n] for name, n in zip(names, (first, count - first), strict=True)]
        chosen, sign = np.concatenate(parts), np.repeat([1, -1], [len(part) for part in parts])
        voices, seconds = projected[condition, chosen], durations_s[condition, chosen]
        is_reliable = seconds >= RELIABLE_S
        if is_reliable.sum() < min(_SEGMENTS) / 2:
            continue
        halves = divide(voices[is_reliable], seconds[is_reliable])
        if halves.durations_s.min() < MIN_SPEAKER_S:
            continue
        evidence.append(halves.evidence)
        has_two.append(len(parts[1]) > 0)
        margin = voices @ (halves.centroids[0] - halves.centroids[1]) * np.sqrt(seconds) * sign
        margins.append(margin if margin.sum() >= 0 else -margin)
    return SimulatedChannels(np.array(evidence), np.array(has_two), margins)


def calibrate(channels: Sequence[SimulatedChannels]) -> tuple[float, Array]:
    """Fit the slope of the confidence, and the weights of the decision between one and two speakers.

    Parameters
    ----------
    channels : sequence of SimulatedChannels
        One for each fold.

    Returns
    -------
    tuple of (float, ndarray of float64)
        The slope with the highest likelihood in channels that are split, and the weights (5,) of a logistic regression,
        whose bias is set to 2 % false splits.
    """
    has_two = np.concatenate([each.has_two for each in channels])
    evidence = np.concatenate([each.evidence for each in channels])
    inputs, sign = np.column_stack([evidence, np.ones(len(evidence))]), np.where(has_two, 1, -1)
    weights = minimize(lambda weights: np.logaddexp(0, -sign * (inputs @ weights)).mean(), np.zeros(inputs.shape[1])).x
    weights[-1] -= np.quantile(inputs[~has_two] @ weights, 1 - _FALSE_SPLITS)
    is_split = has_two & (inputs @ weights >= 0)
    margins = np.concatenate([margin for each in channels for margin in each.margins])
    margins = margins[np.repeat(is_split, [len(margin) for each in channels for margin in each.margins])]
    slopes = np.geomspace(0.5, 50, 100)
    losses = [np.logaddexp(0, -slope * margins).mean() for slope in slopes]
    return float(slopes[np.argmin(losses)]), weights


def fit_speaker_space(model: EmotionModel, clips: Sequence[Clip], cache: Path) -> SpeakerSpace:
    """Fit the discriminant on the clips of all speakers.

    Parameters
    ----------
    model : EmotionModel
        Embeds the clips.
    clips : sequence of Clip
        Of at least two speakers per fold.
    cache : Path
        Folder of cached embeddings.

    Raises
    ------
    CallmoodError
        The encoder has no name: it was trained from scratch.
    """
    if model.encoder is None:
        raise CallmoodError(
            f"model {model.version} has no pre-trained encoder: its embeddings cannot separate speakers"
        )
    sampled = sample_clips(clips, CLIPS_PER_SPEAKER)
    parts = [embeddings(model, sampled, condition, cache) for condition in CONDITIONS]
    embedded = np.stack([e for e, _ in parts]).astype(np.float32)
    durations_s = np.stack([d for _, d in parts])
    speakers = np.array([clip.speaker for clip in sampled])
    names = np.random.default_rng(0).permutation(np.unique(speakers))
    channels = []
    for fold in np.array_split(names, FOLDS):
        is_own = np.isin(speakers, fold)
        trial = SpeakerSpace(*_fit_all(embedded[:, ~is_own], speakers[~is_own]), 1.0, np.zeros(5))
        channels.append(simulate_channels(trial, embedded[:, is_own], durations_s[:, is_own], speakers[is_own]))
    slope, weights = calibrate(channels)
    return SpeakerSpace(*_fit_all(embedded, speakers), slope, weights, model.encoder)


def _fit_all(embedded: NDArray[np.float32], speakers: Strings) -> tuple[Array, Array]:
    """Fit the discriminant on embeddings (conditions, k, d): a class is a speaker in a condition."""
    voices = [np.char.add(speakers, f"/{number}") for number in range(len(embedded))]
    return fit(np.concatenate(embedded), np.concatenate(voices))
