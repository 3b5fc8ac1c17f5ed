"""Pieces of networks that learn from the spectrogram on. Shapes: b clips, t frames of 10 ms, k numbers a frame.

Padding is masked after every layer that looks at neighbors: a clip is heard the same alone and in a padded batch.
"""

from __future__ import annotations

import keras
from keras import ops

from callmood.emotion.log_mel import N_MELS
from model import config
from model.features.mfcc import Mfcc
from model.networks.whisper_encoder import mean_and_deviation

Tensor = keras.KerasTensor


def spectrogram(options: config.FromScratch) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, log-mel (b, t, 80) and mask (b, t), and what is made of them: (b, t, k)."""
    mel, mask = keras.Input((None, N_MELS), name="features"), keras.Input((None,), name="mask")
    if options.coefficients is None:
        return mel, mask, mel * mask[:, :, None]
    # Coefficients are tens of decibels wide; normalized per frame they would lose their loudness.
    return mel, mask, Mfcc(options.coefficients)(mel, mask) / 30.0


def convolutions(x: Tensor, mask: Tensor, filters: list[int]) -> tuple[Tensor, Tensor]:
    """Convolve in time and frequency, each time halving both: (b, t, k) -> (b, t / 2^n, k / 2^n * filters)."""
    x = x[:, :, :, None]  # (b, t, k, 1)
    for count in filters:
        mask = mask[:, ::2]
        # Padded alike at both ends; "same" pads odd and even lengths differently.
        x = keras.layers.ZeroPadding2D(1)(x)
        x = keras.layers.Conv2D(count, 3, strides=2, use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
        x = x * mask[:, :, None, None]
    return keras.layers.Reshape((-1, x.shape[2] * x.shape[3]))(x), mask


def steps_of_40_ms(x: Tensor, mask: Tensor, filters: int) -> tuple[Tensor, Tensor]:
    """Convolve in time alone, to a fourth of the rate: (b, t, k) -> (b, t / 4, filters)."""
    x = keras.layers.Conv1D(filters, 5, strides=4, activation="relu")(keras.layers.ZeroPadding1D(2)(x))
    return x, mask[:, ::4]


def recurrent(x: Tensor, mask: Tensor, units: int) -> Tensor:
    """Read forwards and backwards: (b, n, k) -> (b, n, 2 units)."""
    return keras.layers.Bidirectional(keras.layers.GRU(units, return_sequences=True))(x, mask=ops.cast(mask, "bool"))


def embedding(x: Tensor, mask: Tensor, size: int) -> Tensor:
    """Sum up over time, and put in standard deviations of what was trained on: (b, n, k) -> (b, size)."""
    x = ops.concatenate(mean_and_deviation(x, mask[:, :, None]), axis=-1)
    x = keras.layers.Dense(size, use_bias=False)(x)
    return keras.layers.BatchNormalization(momentum=0.9, center=False, scale=False)(x)
