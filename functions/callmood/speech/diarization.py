"""Separate the speakers of one channel, by the embeddings that the emotion model computes anyway.

A linear discriminant projects the embeddings onto the directions in which the model's training speakers differ. Then
segments of one speaker point in one direction, and hierarchical clustering finds the speakers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmood.resources import MODEL

Array = NDArray[np.float32]

UNASSIGNED = -1
"""int: label of a segment that belongs to no speaker clearly."""

RELIABLE_S = 1.2
"""float: a segment of this duration is clustered; a shorter one is only assigned to a speaker."""

_MAX_CLUSTERED = 400  # segments that are clustered; the others are assigned to the nearest speaker
# Set on held-back speakers: docs/experiments/speakers.md
_FAR_APART, _VERY_FAR_APART = 6.0, 8.0  # distance of two speakers, in standard deviations …
_DISSIMILAR = 0.72  # … depending on whether their cosine similarity is below this
_MANY_SEGMENTS = 24  # for which these thresholds hold; with fewer, the following ones
_VERY_DISSIMILAR, _ALIKE, _VERY_ALIKE = 0.55, 0.8, 0.9
_MIN_FURTHER_S = 10.0  # of speech that a third speaker needs
_MIN_SEGMENTS = 4  # that are needed to find two speakers
_MIN_SPEAKER_S = 3.0  # of speech that a speaker needs
_MIN_SPEAKER_SHARE = 0.04  # of all speech that a speaker needs
_ROUNDS = 5  # of reassignment
_MAX_SPEAKERS = 8  # that are looked for
_MIN_CONFIDENCE = 0.6  # a less certain segment belongs to no speaker


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
    """

    def __init__(self, mean: NDArray[np.floating[Any]], transform: NDArray[np.floating[Any]], slope: float) -> None:
        self._mean, self._transform = mean.astype(np.float32), transform.astype(np.float32)
        self.slope = slope

    @property
    def size(self) -> int:
        """Return the size of the embeddings that it projects."""
        return len(self._mean)

    def project(self, embeddings: Array) -> Array:
        """Project embeddings (k, d) to unit vectors (k, 40)."""
        projected = (embeddings - self._mean) @ self._transform
        return np.asarray(projected / np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-6), np.float32)


@cache
def load_speaker_space(path: Path = MODEL / "speakers.npz") -> SpeakerSpace:
    """Load the shipped discriminant once."""
    with np.load(path) as arrays:
        return SpeakerSpace(arrays["mean"], arrays["transform"], float(arrays["slope"]))


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

    The longest segments are clustered in two by Ward's method, and each half again, while the halves are further apart
    than those of one speaker in several emotions. Then each segment is assigned to the nearest speaker. The time is
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
    clustered = clustered[np.argsort(-durations_s[clustered], kind="stable")][:_MAX_CLUSTERED]
    centroids = _speakers(voices[clustered], durations_s[clustered])
    if len(centroids) < 2:
        return Separation(np.zeros(len(voices), np.intp), np.ones(len(voices)), voices[:1])
    similarity = np.asarray(voices @ centroids.T, np.float64)
    best = np.sort(similarity, axis=1)[:, -2:]
    confidence = 1 / (1 + np.exp(-space.slope * np.sqrt(durations_s) * (best[:, 1] - best[:, 0])))
    labels = similarity.argmax(axis=1)
    labels[confidence < _MIN_CONFIDENCE] = UNASSIGNED
    order = _first_appearance(labels, len(centroids))
    return Separation(np.append(np.argsort(order), UNASSIGNED)[labels], confidence, centroids[order])


def _speakers(voices: Array, durations_s: NDArray[np.floating[Any]]) -> Array:
    """Return the centroid of each speaker, (n, 40): split in two while the halves are two speakers."""
    share_s = _MIN_SPEAKER_SHARE * float(durations_s.sum())
    groups: list[NDArray[np.intp]] = [np.arange(len(voices))]
    finished: list[NDArray[np.intp]] = []
    while groups and len(groups) + len(finished) < _MAX_SPEAKERS:
        group = max(groups, key=lambda one: float(durations_s[one].sum()))
        groups = [one for one in groups if one is not group]
        is_first = not (groups or finished)
        least_s = max(share_s, _MIN_SPEAKER_S if is_first else _MIN_FURTHER_S)
        halves = _two_speakers(voices[group], durations_s[group], least_s, is_first)
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
    voices: Array, durations_s: NDArray[np.floating[Any]], least_s: float, is_first: bool
) -> NDArray[np.intp] | None:
    """Return the speaker, 0 or 1, of each segment, or None if there is only one speaker."""
    if len(voices) < _MIN_SEGMENTS:
        return None
    centroids = cluster_centroids(voices, durations_s, 2)
    labels = (voices @ centroids.T).argmax(axis=1)
    seconds = np.bincount(labels, durations_s, 2)
    if seconds.min() < least_s:
        return None
    # Distance of the two groups along the line between them, relative to their spread along it.
    along = voices @ (centroids[0] - centroids[1])
    means = np.bincount(labels, along * durations_s, 2) / seconds
    spread = float(np.sqrt((np.square(along - means[labels]) @ durations_s) / durations_s.sum()))
    distance = float(means[0] - means[1]) / max(spread, 1e-6)
    similarity = float(centroids[0] @ centroids[1])
    if is_first:
        return labels if distance >= _needed_distance(len(voices), similarity) else None
    return labels if distance >= _VERY_FAR_APART and similarity < _DISSIMILAR else None


def _needed_distance(segments: int, similarity: float) -> float:
    """Return the distance of two speakers: any few segments can be divided into two groups that are far apart."""
    if segments >= _MANY_SEGMENTS:
        return _FAR_APART if similarity < _DISSIMILAR else _VERY_FAR_APART
    if similarity < _VERY_DISSIMILAR:
        return _FAR_APART
    needed = _VERY_FAR_APART * (1 + 4 / segments)
    return needed if similarity < _ALIKE else 1.4 * needed if similarity < _VERY_ALIKE else np.inf


def cluster_centroids(voices: Array, durations_s: NDArray[np.floating[Any]], count: int) -> Array:
    """Cluster segments into a given number of speakers.

    Parameters
    ----------
    voices : ndarray of float32, shape (k, 40)
        From `SpeakerSpace.project`; k is at least `count`.
    durations_s : ndarray of float, shape (k,)
    count : int

    Returns
    -------
    ndarray of float32, shape (count, 40)
        Mean direction of each speaker.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # lazy: stereo calls do not need it

    labels = fcluster(linkage(voices, "ward"), count, "maxclust") - 1
    return _refined(voices, durations_s, _centroids(voices, durations_s, labels, count))


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
