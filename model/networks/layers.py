"""Layers of the networks that learn from the spectrogram. Shapes: b clips, t frames of 10 ms, k values per frame.

Every layer that reads neighboring frames masks the padding. The embedding of a clip is therefore the same alone and in
a padded batch.
"""

from __future__ import annotations

from typing import TypeAlias

import keras
from keras import ops

from callmood.emotion.log_mel import N_MELS
from model import config
from model.features.mfcc import Mfcc
from model.networks.whisper_encoder import mean_and_deviation

Tensor: TypeAlias = keras.KerasTensor


def spectrogram(options: config.FromScratch) -> tuple[Tensor, Tensor, Tensor]:
    """Create the inputs log-mel (b, t, 80) and mask (b, t), and return them with the first layer's output (b, t, k)."""
    mel, mask = keras.Input((None, N_MELS), name="features"), keras.Input((None,), name="mask")
    if options.coefficients is None:
        return mel, mask, mel * mask[:, :, None]
    # Coefficients span tens of decibels. Normalization per frame would remove the loudness.
    return mel, mask, Mfcc(options.coefficients)(mel, mask) / 30.0


def convolutions(x: Tensor, mask: Tensor, filters: list[int]) -> tuple[Tensor, Tensor]:
    """Convolve over time and frequency, and halve both each time: (b, t, k) -> (b, t / 2^n, k / 2^n * filters)."""
    x = x[:, :, :, None]  # (b, t, k, 1)
    for count in filters:
        mask = mask[:, ::2]
        # Pad both ends equally: "same" pads odd and even lengths differently.
        x = keras.layers.ZeroPadding2D(1)(x)
        x = keras.layers.Conv2D(count, 3, strides=2, use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
        x = x * mask[:, :, None, None]
    return keras.layers.Reshape((-1, x.shape[2] * x.shape[3]))(x), mask


def time_convolution(x: Tensor, mask: Tensor, filters: int) -> tuple[Tensor, Tensor]:
    """Convolve over time with a stride of four frames (40 ms): (b, t, k) -> (b, t / 4, filters)."""
    x = keras.layers.Conv1D(filters, 5, strides=4, activation="relu")(keras.layers.ZeroPadding1D(2)(x))
    return x, mask[:, ::4]


def recurrent(x: Tensor, mask: Tensor, units: int) -> Tensor:
    """Apply a bidirectional gated recurrent unit: (b, n, k) -> (b, n, 2 units)."""
    return keras.layers.Bidirectional(keras.layers.GRU(units, return_sequences=True))(x, mask=ops.cast(mask, "bool"))


def embedding(x: Tensor, mask: Tensor, size: int) -> Tensor:
    """Pool over time, and scale to standard deviations of the training set: (b, n, k) -> (b, size)."""
    x = ops.concatenate(mean_and_deviation(x, mask[:, :, None]), axis=-1)
    x = keras.layers.Dense(size, use_bias=False)(x)
    return keras.layers.BatchNormalization(momentum=0.9, center=False, scale=False)(x)
