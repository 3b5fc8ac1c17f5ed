"""The baseline of a speaker: the embedding of the speaker's neutral speech, which each segment is compared with.

Three levels make up the embedding of a segment: population + speaker + emotion (+ noise).

With a population, the baseline is estimated from all segments: the mean of what remains after the expected offset of
each segment's emotion is subtracted, shrunk toward the population with the covariance of training speakers and
telephone lines (`BaselineParameters`). Directions in which voices and lines differ follow the speaker's speech;
directions in which they hardly differ, such as that of anger, stay near the population. Therefore anger throughout a
call stays visible.

Without a population, an unknown accent or line looks like an emotion to that estimate. The safe estimate is the mean
weighted by how neutral each segment is (iterative feature normalization: Busso et al., 2013,
doi 10.1109/T-AFFC.2013.26), shrunk toward the corpus mean.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.population import Population

Embedding = NDArray[np.float32]
Matrix = NDArray[np.float64]


# Below this sum of weights, rounding determines a mean.
_MIN_WEIGHT_S = 1e-3


@dataclass(frozen=True)
class SpeakerBaseline:
    """Sufficient statistics of a speaker's segments for the estimate of the baseline.

    It is the complete state of a speaker: later segments update it, and a later chunk of the call continues with it.

    Parameters
    ----------
    embedding : ndarray of float32, shape (d,)
        Weighted mean embedding of the segments, in units of the training corpus: 0 is the corpus mean, 1 is one
        standard deviation.
    speech_s : float
        Sum of the weights, in seconds: the durations, without a population times the probability of neutral. 0 for an
        unknown speaker.
    shares : ndarray of float32, shape (c,)
        Weighted mean of the segments' probabilities: the share of each emotion.
    """

    embedding: Embedding
    speech_s: float
    shares: NDArray[np.float32]

    def update(
        self, embeddings: Embedding, weights_s: NDArray[np.float32], probabilities: NDArray[np.float32]
    ) -> SpeakerBaseline:
        """Add segments of the same speaker.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (k, d)
            From `EmotionModel.embed`. k may be 0.
        weights_s : ndarray of float32, shape (k,)
            Weight of each segment, in seconds (`BaselineEstimator.weights`).
        probabilities : ndarray of float32, shape (k, c)
            Probability of each emotion.

        Returns
        -------
        SpeakerBaseline
            The statistics of all segments; unchanged if the segments have no weight, such as speech without any
            probability of neutral.
        """
        weights = np.asarray(weights_s, np.float32)
        if weights.sum() < _MIN_WEIGHT_S:
            return self
        total, shares, speech_s = weights @ embeddings, weights @ probabilities, float(weights.sum())
        if self.speech_s:
            earlier = np.float32(self.speech_s)
            total, shares, speech_s = (
                total + self.embedding * earlier,
                shares + self.shares * earlier,
                speech_s + self.speech_s,
            )
        return SpeakerBaseline(total / np.float32(speech_s), speech_s, shares / np.float32(speech_s))


def unknown_speaker(d: int, emotions: int) -> SpeakerBaseline:
    """Return the statistics of a speaker without segments: embeddings of `d` dimensions, and `emotions` shares of 0."""
    return SpeakerBaseline(np.zeros(d, np.float32), 0.0, np.zeros(emotions, np.float32))


@dataclass(frozen=True)
class BaselineParameters:
    """Distribution of baselines and segments over the training speakers and telephone lines.

    All but the directions are in the space of the k directions.

    Parameters
    ----------
    directions : ndarray of float32, shape (d, k)
        Orthonormal principal directions of embeddings.
    offsets : ndarray of float64, shape (c, k)
        Mean difference of each emotion to neutral speech of the same speaker and line. The row of neutral is 0.
    between : ndarray of float64, shape (k, k)
        Second moment of baselines around the corpus mean.
    expression : ndarray of float64, shape (k, k)
        Covariance of the speakers' own offsets of an emotion around its mean offset.
    within : ndarray of float64, shape (k, k)
        Covariance of segments around baseline and offset.
    typical : ndarray of float64, shape (k,)
        Difference of the mean of a typical call to its neutral speech. The head was trained relative to such means, so
        baselines contain it. The share of anger does not count: a head that expects anger detects less of it.
    neutral : int
        Index of neutral among the emotions.
    """

    directions: Embedding
    offsets: Matrix
    between: Matrix
    expression: Matrix
    within: Matrix
    typical: Matrix
    neutral: int

    def to_bytes(self) -> bytes:
        """Return the content of the file `baseline.npz`."""
        file = io.BytesIO()
        np.savez(
            file,
            directions=self.directions.astype(np.float16),
            offsets=self.offsets.astype(np.float32),
            between=self.between.astype(np.float32),
            expression=self.expression.astype(np.float32),
            within=self.within.astype(np.float32),
            typical=self.typical.astype(np.float32),
            neutral=np.int64(self.neutral),
        )
        return file.getvalue()


def read_parameters(content: bytes) -> BaselineParameters:
    """Read parameters that `BaselineParameters.to_bytes` wrote.

    Raises
    ------
    ValueError, KeyError, OSError
        The content is damaged.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = ("offsets", "between", "expression", "within", "typical")
        matrices = {name: arrays[name].astype(np.float64) for name in names}
        return BaselineParameters(
            directions=arrays["directions"].astype(np.float32), neutral=int(arrays["neutral"]), **matrices
        )


# Between speakers and lines of a deployment, voices differ more than between actors in one studio.
_BETWEEN_SCALE = 2.0
# Seconds of speech that count as one independent observation of a voice: the median utterance of the training speakers.
_INDEPENDENT_S = 2.5


class BaselineEstimator:
    """Estimate baselines from statistics of a speaker.

    Parameters
    ----------
    parameters : BaselineParameters
        Covariances and emotion offsets. Used with a population only.
    shrinkage_s : float
        Seconds of speech at the population, or at the corpus mean, that the baseline contains in addition.
    population : Population or None
        The population of callers.
    """

    def __init__(self, parameters: BaselineParameters, shrinkage_s: float, population: Population | None) -> None:
        self._parameters = parameters
        self._shrinkage_s = shrinkage_s
        self._center = None if population is None else population.mean

    def weights(self, durations_s: NDArray[np.float32], probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weight of each segment in the statistics, (k,), in seconds.

        Parameters
        ----------
        durations_s : ndarray of float32, shape (k,)
            Duration of each segment, in seconds.
        probabilities : ndarray of float32, shape (k, c)
            Probability of each emotion.
        """
        durations_s = np.asarray(durations_s, np.float32)
        return durations_s if self._center is not None else durations_s * probabilities[:, self._parameters.neutral]

    def locate(self, baseline: SpeakerBaseline) -> tuple[Embedding, float]:
        """Return the embedding that the head compares segments with, and how much of it comes from the speaker.

        Parameters
        ----------
        baseline : SpeakerBaseline
            The statistics.

        Returns
        -------
        tuple of (ndarray of float32, shape (d,), float)
            The embedding, and the speaker weight in [0, 1): 0 for an unknown speaker, toward 1 with more speech.
        """
        located, weights = self.locate_many(
            baseline.embedding[None], np.array([baseline.speech_s]), baseline.shares[None]
        )
        return located[0], float(weights[0])

    def locate_many(
        self, embeddings: Embedding, speech_s: Matrix, shares: NDArray[np.float32]
    ) -> tuple[Embedding, Matrix]:
        """Return the result of `locate` for many speakers.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (n, d)
        speech_s : ndarray of float64, shape (n,)
        shares : ndarray of float32, shape (n, c)
            As in `SpeakerBaseline`.

        Returns
        -------
        tuple of (ndarray of float32, shape (n, d), ndarray of float64, shape (n,))
        """
        weights = speech_s / np.maximum(speech_s + self._shrinkage_s, 1e-6)  # shrinkage_s may be 0
        weight = weights.astype(np.float32)[:, None]
        p = self._parameters
        typical = weight * (p.directions @ p.typical.astype(np.float32))
        if self._center is None:
            return embeddings * weight + typical, weights
        deviations = embeddings - self._center
        projected = deviations @ p.directions  # (n, k)
        neutral = projected - shares @ p.offsets
        solved = np.linalg.solve(self._covariances(speech_s, shares), neutral[..., None])[..., 0]
        estimates = _BETWEEN_SCALE * solved @ p.between
        rest = weight * (deviations - projected @ p.directions.T)
        located = self._center + rest + estimates.astype(np.float32) @ p.directions.T + typical
        return np.where(speech_s[:, None] > 0, located, self._center), weights

    def _covariances(self, speech_s: Matrix, shares: NDArray[np.float32]) -> Matrix:
        """Return the covariances of the speakers' mean embeddings without the offsets, (n, k, k)."""
        p = self._parameters
        emotional = np.square(np.delete(shares, p.neutral, axis=1).astype(np.float64)).sum(axis=1)
        observations = np.maximum(speech_s, 1e-6) / _INDEPENDENT_S
        covariances: Matrix = (
            _BETWEEN_SCALE * p.between
            + emotional[:, None, None] * p.expression
            + p.within / observations[:, None, None]
        )
        return covariances
