"""Clips as training reads them: arrays with a row for every way that every clip was heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmood.emotion.log_mel import FRAME_RATE


@dataclass(frozen=True)
class Heard:
    """Clips, each once for every way it was heard.

    Parameters
    ----------
    features : ndarray of float, shape (m, ...)
        What the front made of them; without one, spectrograms of (t, 80).
    durations_s : ndarray of float32, shape (m,)
    labels : ndarray of int, shape (m,)
        Index into `EMOTIONS`.
    targets : ndarray of float32, shape (m, 6)
        Share of each emotion; rows sum to 1.
    voices : ndarray of int, shape (m,)
        Same number: same speaker, heard in the same room.
    counts : ndarray of float32, shape (m,)
        How much each counts among those of its emotion.
    """

    features: NDArray[np.floating[Any]]
    durations_s: NDArray[np.float32]
    labels: NDArray[np.intp]
    targets: NDArray[np.float32]
    voices: NDArray[np.intp]
    counts: NDArray[np.float32]

    def mask(self) -> NDArray[np.float32]:
        """1 for a spectrogram's own frames and 0 for padding, (m, t); (m, 1) where features have no time."""
        frames = self.features.shape[1] if self.features.ndim == 3 else 1
        own = np.round(self.durations_s * FRAME_RATE, 2)[:, None]  # a last part of a frame is none
        return (np.arange(frames) < np.maximum(1, np.floor(own))).astype(np.float32)
