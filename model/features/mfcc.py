"""Mel-frequency cepstral coefficients, made inside the network: serving has one feature function, `log_mel`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from callmood.emotion.log_mel import N_MELS

REACH = 4  # frames to either side that a slope is taken over: 90 ms


def dct(n: int) -> NDArray[np.float32]:
    """The first n rows of the orthonormal discrete cosine transform II of 80 bands, as columns: (80, n)."""
    k, band = np.arange(n), np.arange(N_MELS)[:, None]
    scale = np.where(k == 0, np.sqrt(1 / N_MELS), np.sqrt(2 / N_MELS))
    return (scale * np.cos(np.pi * k * (2 * band + 1) / (2 * N_MELS))).astype(np.float32)


@keras.saving.register_keras_serializable("callmood")
class Mfcc(keras.layers.Layer):
    """Log-mel spectrograms (b, t, 80) and their masks (b, t) to coefficients and their slopes, (b, t, 3 n).

    The coefficients are those of `librosa.feature.mfcc` on the spectrogram in decibels. A slope is the least-squares
    line's through nine frames (Furui, IEEE Transactions on Acoustics, Speech, and Signal Processing, 1986), with a
    clip's first and last frames repeated beyond its ends; the last n are slopes of slopes. Padding, which the mask has
    0 for, changes nothing, and comes out as zeros.

    Parameters
    ----------
    n : int
        Coefficients, the first of which is loudness.
    """

    def __init__(self, n: int = 20, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = n

    def call(self, mel: Any, mask: Any) -> Any:
        """Compute."""
        mask = ops.expand_dims(ops.cast(mask, mel.dtype), 2)  # (b, t, 1)
        ends = mask - ops.pad(mask[:, 1:], [(0, 0), (0, 1), (0, 0)])  # 1 at each clip's last frame
        decibels = 40 * (mel - 1)  # what `log_mel` did, undone
        cepstrum = ops.matmul(decibels, ops.cast(dct(self.n), mel.dtype))  # (b, t, n)
        slope = _slope(cepstrum, mask, ends)
        return ops.concatenate([cepstrum, slope, _slope(slope, mask, ends)], axis=2) * mask

    def get_config(self) -> dict[str, Any]:
        """Name what the layer was made with."""
        return {**super().get_config(), "n": self.n}


def _slope(x: Any, mask: Any, ends: Any) -> Any:
    """Slope of x (b, t, n) over time, by frame."""
    last = ops.sum(x * ends, axis=1, keepdims=True)
    x = x * mask + last * (1 - mask)
    x = ops.concatenate([*[x[:, :1]] * REACH, x, *[x[:, -1:]] * REACH], axis=1)

    def shifted(by: int) -> Any:
        return x[:, REACH + by : by - REACH or None]

    rises = [k * (shifted(k) - shifted(-k)) for k in range(1, REACH + 1)]
    return sum(rises[1:], rises[0]) / (2 * sum(k * k for k in range(1, REACH + 1)))
