"""The baseline of a speaker: the voice's mean embedding, which `EmotionModel.classify` compares each segment with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Embedding = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerBaseline:
    """Mean embedding of a speaker's segments, weighted by duration.

    It is the complete state of a speaker: later segments update it, and a later chunk of the call continues with it.

    Parameters
    ----------
    embedding : ndarray of float32, shape (d,)
        Weighted mean, in units of the training corpus: 0 is the corpus mean, 1 is one standard deviation.
    speech_s : float
        Duration of the segments, in seconds. 0 for an unknown speaker.
    """

    embedding: Embedding
    speech_s: float

    def update(self, embeddings: Embedding, durations_s: NDArray[np.float32]) -> SpeakerBaseline:
        """Add segments of the same speaker.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (k, d)
            From `EmotionModel.embed`. k may be 0.
        durations_s : ndarray of float32, shape (k,)
            Duration of each segment, in seconds.

        Returns
        -------
        SpeakerBaseline
            The baseline of all segments.
        """
        if not len(embeddings):
            return self
        weights = np.asarray(durations_s, np.float32)
        total, speech_s = weights @ embeddings, float(weights.sum())
        if self.speech_s:
            total, speech_s = total + self.embedding * np.float32(self.speech_s), speech_s + self.speech_s
        return SpeakerBaseline(total / np.float32(speech_s), speech_s)

    def shrunk(self, shrinkage_s: float) -> tuple[Embedding, float]:
        """Shrink the mean toward the corpus mean.

        With few segments, the plain mean would explain away the emotion that it is compared with.

        Parameters
        ----------
        shrinkage_s : float
            Seconds of speech at the corpus mean to add. The model's metadata states it.

        Returns
        -------
        tuple of (ndarray of float32, shape (d,), float)
            The shrunk mean, and the speaker weight in [0, 1): 0 for an unknown speaker, toward 1 with more speech.
        """
        total = max(self.speech_s + shrinkage_s, 1e-6)  # shrinkage_s may be 0
        return self.embedding * np.float32(self.speech_s) / np.float32(total), self.speech_s / total


def unknown_speaker(d: int) -> SpeakerBaseline:
    """Return the baseline of a speaker without segments: the corpus mean of `d` dimensions, with no weight."""
    return SpeakerBaseline(np.zeros(d, np.float32), 0.0)


def estimate_baseline(embeddings: Embedding, durations_s: NDArray[np.float32]) -> SpeakerBaseline:
    """Return the baseline of one speaker from all of the speaker's segments; k may be 0 (see `update`)."""
    return unknown_speaker(embeddings.shape[1]).update(embeddings, durations_s)
