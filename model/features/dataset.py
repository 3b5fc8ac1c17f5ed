"""Training data: arrays with one row for each clip under each acoustic condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.log_mel import FRAME_RATE


@dataclass(frozen=True)
class Dataset:
    """Features and targets of m rows.

    Parameters
    ----------
    features : ndarray of float, shape (m, ...)
        Output of the frozen frontend; without one, spectrograms of shape (t, 80).
    durations_s : ndarray of float32, shape (m,)
    labels : ndarray of int, shape (m,)
        Index into `EMOTIONS`.
    targets : ndarray of float32, shape (m, 6)
        Probability of each emotion; rows sum to 1.
    speakers, lines : ndarray of int, shape (m,)
        Numbers from 0 of the speaker, and of the group of conditions. Rows with the same speaker and line form one
        another's baselines.
    sample_weights : ndarray of float32, shape (m,)
        Weight of each row among those of its emotion.
    """

    features: NDArray[np.floating[Any]]
    durations_s: NDArray[np.float32]
    labels: NDArray[np.intp]
    targets: NDArray[np.float32]
    speakers: NDArray[np.intp]
    lines: NDArray[np.intp]
    sample_weights: NDArray[np.float32]

    @property
    def baseline_groups(self) -> NDArray[np.intp]:
        """Number of the speaker on the line, shape (m,)."""
        groups: NDArray[np.intp] = self.speakers + self.lines * (1 + self.speakers.max())
        return groups

    def mask(self) -> NDArray[np.float32]:
        """Return 1 for frames and 0 for padding, shape (m, t); ones of shape (m, 1) if features have no time axis."""
        frames = self.features.shape[1] if self.features.ndim == 3 else 1
        valid = np.round(self.durations_s * FRAME_RATE, 2)[:, None]  # an incomplete last frame does not count
        return np.asarray(np.arange(frames) < np.maximum(1, np.floor(valid)), np.float32)
