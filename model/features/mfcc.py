"""Mel-frequency cepstral coefficients as a network layer, because serving has one feature function, `log_mel`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from callmood.emotion.log_mel import N_MELS

REACH = 4  # frames on each side for a delta: 90 ms in total


def dct(n: int) -> NDArray[np.float32]:
    """Return the first n rows of the orthonormal discrete cosine transform II of 80 bands, as columns: (80, n)."""
    k, band = np.arange(n), np.arange(N_MELS)[:, None]
    scale = np.where(k == 0, np.sqrt(1 / N_MELS), np.sqrt(2 / N_MELS))
    return np.asarray(scale * np.cos(np.pi * k * (2 * band + 1) / (2 * N_MELS)), np.float32)


@keras.saving.register_keras_serializable("callmood")
class Mfcc(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Convert log-mel spectrograms (b, t, 80) and masks (b, t) to coefficients and deltas, (b, t, 3 n).

    The coefficients equal `librosa.feature.mfcc` of the spectrogram in decibels. A delta is the least-squares slope
    over nine frames (Furui, IEEE Transactions on Acoustics, Speech, and Signal Processing, 1986); a clip's first and
    last frames repeat beyond its ends. The last n values are deltas of deltas. Padding (mask 0) has no influence and
    results in zeros.

    Parameters
    ----------
    n : int
        Number of coefficients; the first is the level.
    """

    def __init__(self, n: int = 20, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = n

    def call(self, mel: Any, mask: Any) -> Any:
        """Return the coefficients and deltas."""
        mask = ops.expand_dims(ops.cast(mask, mel.dtype), 2)  # (b, t, 1)
        ends = mask - ops.pad(mask[:, 1:], [(0, 0), (0, 1), (0, 0)])  # 1 at each clip's last frame
        decibels = 40 * (mel - 1)  # inverse of the scaling in `log_mel`
        cepstrum = ops.matmul(decibels, ops.cast(dct(self.n), mel.dtype))  # (b, t, n)
        delta = _delta(cepstrum, mask, ends)
        return ops.concatenate([cepstrum, delta, _delta(delta, mask, ends)], axis=2) * mask

    def get_config(self) -> dict[str, Any]:
        """Return the layer's parameters."""
        return {**super().get_config(), "n": self.n}


def _delta(x: Any, mask: Any, ends: Any) -> Any:
    """Return the delta of x (b, t, n) over time for each frame."""
    last = ops.sum(x * ends, axis=1, keepdims=True)
    x = x * mask + last * (1 - mask)
    x = ops.concatenate([*[x[:, :1]] * REACH, x, *[x[:, -1:]] * REACH], axis=1)

    def shifted(by: int) -> Any:
        return x[:, REACH + by : by - REACH or None]

    differences = [k * (shifted(k) - shifted(-k)) for k in range(1, REACH + 1)]
    return sum(differences[1:], differences[0]) / (2 * sum(k * k for k in range(1, REACH + 1)))
