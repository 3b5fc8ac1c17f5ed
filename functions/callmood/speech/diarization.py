"""Separate the speakers of one channel, by the embeddings that the emotion model computes anyway.

A linear discriminant projects the embeddings onto the directions in which the model's training speakers differ. Then
segments of one speaker point in one direction, and hierarchical clustering finds the speakers.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmood.resources import MODEL

Array = NDArray[np.float32]

UNASSIGNED = -1
"""int: label of a segment that belongs to no speaker clearly."""

RELIABLE_S = 1.2
"""float: a segment of this duration is clustered; a shorter one is only assigned to a speaker."""

MIN_SPEAKER_S = 3.0
"""float: speech that a speaker needs."""

_MAX_CLUSTERED = 400  # segments that are clustered; the others are assigned to the nearest speaker
# Set on held-back speakers: docs/experiments/speakers.md
_FAR_APART = 4.5  # distance of two speakers, in standard deviations, …
_CHANCE = 36.0  # … plus this divided by the number of segments: a few can always be divided
_MIN_TURNS = 0.35  # changes of the speaker, relative to a random order: a voice that becomes angry changes once
_CERTAIN_TURNS = 3.0  # standard deviations above a random order: two similar voices in turn are two speakers
_FURTHER_ODDS = 2.0  # log odds that two halves of one of several speakers need
_MIN_FURTHER_S = 10.0  # of speech that a third speaker needs
_MIN_SEGMENTS = 4  # that are needed to find two speakers
_MIN_SPEAKER_SHARE = 0.04  # of all speech that a speaker needs
_ROUNDS = 5  # of reassignment
_MAX_SPEAKERS = 8  # that are looked for
_MIN_CONFIDENCE = 0.6  # a less certain segment belongs to no speaker
_MAX_RATIO = 20.0  # of distances of clusters: repeated segments have any


class SpeakerSpace:
    """A linear discriminant of speakers over embeddings, from `python -m model speakers`.

    Parameters
    ----------
    mean : ndarray of float, shape (d,)
        Mean embedding.
    transform : ndarray of float, shape (d, 40)
        Directions in which speakers differ.
    slope : float
        Log odds of the right speaker for each unit of similarity, for a segment of 1 s. They grow with the square root
        of the duration.
    weights : ndarray of float, shape (5,)
        Of `Halves.evidence`, and the bias: log odds that two halves are two speakers, and not one in several emotions.
    encoder : str
        `EmotionModel.encoder` of the embeddings.
    """

    def __init__(
        self,
        mean: NDArray[np.floating[Any]],
        transform: NDArray[np.floating[Any]],
        slope: float,
        weights: NDArray[np.float64],
        encoder: str = "",
    ) -> None:
        self._mean, self._transform = mean.astype(np.float32), transform.astype(np.float32)
        self.slope, self.weights, self.encoder = slope, weights, encoder

    def project(self, embeddings: Array) -> Array:
        """Project embeddings (k, d) to unit vectors (k, 40)."""
        projected = (embeddings - self._mean) @ self._transform
        return np.asarray(projected / np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-6), np.float32)

    def to_bytes(self) -> bytes:
        """Encode as a NumPy archive of about 250 kB."""
        packed = io.BytesIO()
        np.savez_compressed(
            packed,
            mean=self._mean.astype(np.float16),
            transform=self._transform.astype(np.float16),
            slope=self.slope,
            weights=self.weights,
            encoder=self.encoder,
        )
        return packed.getvalue()


@cache
def read_speaker_space(content: bytes) -> SpeakerSpace:
    """Decode a discriminant once."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return SpeakerSpace(
            arrays["mean"], arrays["transform"], float(arrays["slope"]), arrays["weights"], str(arrays["encoder"])
        )


@cache
def shipped_speaker_space() -> SpeakerSpace:
    """Load the discriminant for the encoder of the shipped model."""
    return read_speaker_space((MODEL / "speakers.npz").read_bytes())


@dataclass(frozen=True)
class Halves:
    """The two groups of segments that differ most.

    Parameters
    ----------
    centroids : ndarray of float32, shape (2, 40)
        Mean direction of each group.
    evidence : ndarray of float64, shape (4,)
        Logarithm of the distance of the two groups, relative to the median distance of the five mergers before; cosine
        similarity of the centroids; logarithms of the number of segments, and of the smaller group's share of speech.
    durations_s : ndarray of float64, shape (2,)
        Speech of each group.
    distance : float
        Of the two groups along the line between them, in standard deviations.
    """

    centroids: Array
    evidence: NDArray[np.float64]
    durations_s: NDArray[np.float64]
    distance: float


@dataclass(frozen=True)
class Separation:
    """The speakers of a channel.

    Parameters
    ----------
    labels : ndarray of int, shape (k,)
        Speaker of each segment, from 0, or `UNASSIGNED`.
    confidence : ndarray of float, shape (k,)
        Probability that the segment belongs to its speaker and not to the next best, 0 to 1.
    centroids : ndarray of float32, shape (speakers, 40)
        Mean direction of each speaker.
    """

    labels: NDArray[np.intp]
    confidence: NDArray[np.float64]
    centroids: Array

    @property
    def speakers(self) -> int:
        """Return the number of speakers."""
        return len(self.centroids)

    def nearest(self, voice: Array) -> int:
        """Return the speaker that is nearest to a projected voice (40,)."""
        return int(np.argmax(self.centroids @ voice))


def separate(space: SpeakerSpace, embeddings: Array, durations_s: NDArray[np.floating[Any]]) -> Separation:
    """Find the speakers of a channel.

    The longest segments are clustered in two by Ward's method, and each half again, while the halves are more probably
    two speakers than one in several emotions. Then each segment is assigned to the nearest speaker. The time is
    bounded for any number of segments and speakers.

    Parameters
    ----------
    space : SpeakerSpace
        Projects the embeddings.
    embeddings : ndarray of float32, shape (k, d)
        One for each segment, in order of time. k may be 0.
    durations_s : ndarray of float, shape (k,)
        Duration of each segment, in seconds.

    Returns
    -------
    Separation
        With one speaker if no two differ reliably. Speakers are numbered in order of their first segment.
    """
    voices = space.project(embeddings)
    clustered = np.flatnonzero(durations_s >= RELIABLE_S)
    clustered = np.sort(clustered[np.argsort(-durations_s[clustered], kind="stable")][:_MAX_CLUSTERED])
    centroids = _speakers(space, voices[clustered], durations_s[clustered])
    if len(centroids) < 2:
        return Separation(np.zeros(len(voices), np.intp), np.ones(len(voices)), voices[:1])
    similarity = np.asarray(voices @ centroids.T, np.float64)
    best = np.sort(similarity, axis=1)[:, -2:]
    confidence = 1 / (1 + np.exp(-space.slope * np.sqrt(durations_s) * (best[:, 1] - best[:, 0])))
    labels = similarity.argmax(axis=1)
    labels[confidence < _MIN_CONFIDENCE] = UNASSIGNED
    order = _first_appearance(labels, len(centroids))
    return Separation(np.append(np.argsort(order), UNASSIGNED)[labels], confidence, centroids[order])


def _speakers(space: SpeakerSpace, voices: Array, durations_s: NDArray[np.floating[Any]]) -> Array:
    """Return the centroid of each speaker, (n, 40): split in two while the halves are two speakers."""
    share_s = _MIN_SPEAKER_SHARE * float(durations_s.sum())
    groups: list[NDArray[np.intp]] = [np.arange(len(voices))]
    finished: list[NDArray[np.intp]] = []
    while groups and len(groups) + len(finished) < _MAX_SPEAKERS:
        group = max(groups, key=lambda one: float(durations_s[one].sum()))
        groups = [one for one in groups if one is not group]
        is_first = not (groups or finished)
        least_s = max(share_s, MIN_SPEAKER_S if is_first else _MIN_FURTHER_S)
        halves = _two_speakers(space, voices[group], durations_s[group], least_s, is_first)
        if halves is None:
            finished.append(group)
        else:
            groups += [group[halves == half] for half in (0, 1)]
    groups = [*finished, *groups]
    labels = np.zeros(len(voices), np.intp)
    for number, group in enumerate(groups):
        labels[group] = number
    return _refined(voices, durations_s, _centroids(voices, durations_s, labels, len(groups)))


def _two_speakers(
    space: SpeakerSpace, voices: Array, durations_s: NDArray[np.floating[Any]], least_s: float, is_first: bool
) -> NDArray[np.intp] | None:
    """Return the speaker, 0 or 1, of each segment, or None if there is only one speaker."""
    if len(voices) < _MIN_SEGMENTS:
        return None
    halves = divide(voices, durations_s)
    if halves.durations_s.min() < least_s:
        return None
    labels = (voices @ halves.centroids.T).argmax(axis=1)
    odds = float(space.weights @ np.append(halves.evidence, 1))
    is_far = halves.distance >= _FAR_APART + _CHANCE / len(voices)
    if not is_first:
        return labels if is_far and odds >= _FURTHER_ODDS else None
    turns, excess = _turns(labels)
    is_found = is_far and odds >= 0 and turns >= _MIN_TURNS
    return labels if is_found or excess >= _CERTAIN_TURNS else None


def _turns(labels: NDArray[np.intp]) -> tuple[float, float]:
    """Return the changes of the speaker relative to a random order, and their excess in standard deviations.

    The expected number and its deviation are those of the runs test (Wald and Wolfowitz, 1940).
    """
    count, first = len(labels), int(np.count_nonzero(labels == 0))
    expected = 2 * first * (count - first) / count
    deviation = np.sqrt(max(expected * (expected - 1) / (count - 1), 1e-6))
    changes = np.count_nonzero(np.diff(labels))
    return changes / expected, float((changes - expected) / deviation)


def divide(voices: Array, durations_s: NDArray[np.floating[Any]]) -> Halves:
    """Divide segments into the two groups that differ most.

    Parameters
    ----------
    voices : ndarray of float32, shape (k, 40)
        From `SpeakerSpace.project`; k is at least 3.
    durations_s : ndarray of float, shape (k,)

    Returns
    -------
    Halves
        Each with at least one segment, unless all are identical.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # lazy: stereo calls do not need it

    merged = linkage(voices, "ward")
    labels = fcluster(merged, 2, "maxclust") - 1
    centroids = _refined(voices, durations_s, _centroids(voices, durations_s, labels, 2))
    ratio = np.clip(merged[-1, 2] / max(np.median(merged[-6:-1, 2]), 1e-6), 1, _MAX_RATIO)
    labels = (voices @ centroids.T).argmax(axis=1)
    seconds = np.bincount(labels, durations_s, 2).astype(np.float64)
    along = voices @ (centroids[0] - centroids[1])
    means = np.bincount(labels, along * durations_s, 2) / np.maximum(seconds, 1e-6)
    spread = float(np.sqrt((np.square(along - means[labels]) @ durations_s) / seconds.sum()))
    share = max(seconds.min() / seconds.sum(), 1e-3)
    evidence = np.array([np.log(ratio), centroids[0] @ centroids[1], np.log(len(voices)), np.log(share)])
    return Halves(centroids, evidence, seconds, float(means[0] - means[1]) / max(spread, 1e-6))


def _refined(voices: Array, durations_s: NDArray[np.floating[Any]], centroids: Array) -> Array:
    """Reassign segments to the nearest speaker, and return the new centroids."""
    for _ in range(_ROUNDS):
        nearest = (voices @ centroids.T).argmax(axis=1)
        centroids = _centroids(voices, durations_s, nearest, len(centroids))
    return centroids


def _centroids(voices: Array, durations_s: NDArray[np.floating[Any]], labels: NDArray[np.intp], count: int) -> Array:
    """Return the mean direction of each speaker, weighted by duration."""
    weights = (labels == np.arange(count)[:, None]) * durations_s
    sums = np.asarray(weights @ voices, np.float32)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6), np.float32)


def _first_appearance(labels: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return the speakers in order of their first segment; those without a segment last."""
    first = [int(np.argmax(labels == label)) if (labels == label).any() else len(labels) for label in range(count)]
    return np.argsort(first, kind="stable")
