"""The encoder that `model.training.distillation` distills from Whisper tiny.en, in Keras, for one clip at a time.

It differs from Whisper's encoder in its convolutions, which halve the frame rate twice. So its blocks process a frame
of 40 ms where Whisper's process two of 20 ms.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from callmood.emotion.log_mel import N_MELS
from model.networks.whisper_encoder import (
    BLOCKS,
    HEADS,
    WIDTH,
    Positions,
    convolution,
    dense,
    feed_forward,
    gelu,
    linear,
    norm,
)

CONTEXT = {"conv1": (1, 2), "conv2": (1, 1)}
"""dict of str to tuple of int: frames before and after the current one that a convolution of stride 2 reads."""

DISTILLED = Path(__file__).with_name("distilled_encoder.npz")
"""Path: weights of the shipped encoder, from `python -m model distill`."""


def build_distilled_encoder(path: Path = DISTILLED) -> keras.Model:
    """Build the encoder.

    Parameters
    ----------
    path : Path
        From `python -m model distill`.

    Returns
    -------
    keras.Model
        `(mel (1, t, 80), mask (1, t)) -> (1, 3072)`; t is at most 800. The mask is not used: a clip has no padding.
    """
    weights = read_weights(path)
    mel = keras.Input((None, N_MELS), name="mel")
    mask = keras.Input((None,), name="mask")
    # One clip has no batch axis: a tenth of the encoder's time goes into its reshapes otherwise.
    x = ops.reshape(mel, (-1, N_MELS))
    for name, (before, after) in CONTEXT.items():
        x = gelu(dense(EverySecond(before, after)(x), *convolution(weights, name)))
    x = Positions(weights["position_encodings/encodings"])(ops.expand_dims(x, 0))
    x = ops.squeeze(x, 0)
    pooled = []
    for block in range(BLOCKS):
        layer = {k.removeprefix(f"layer_{block}/"): w for k, w in weights.items() if k.startswith(f"layer_{block}/")}
        x = x + _attention(norm(x, layer, "self_attention/"), layer)
        x = x + feed_forward(norm(x, layer, "ffn/"), layer)
        frames = norm(x, weights, "") if block == BLOCKS - 1 else x
        mean = ops.mean(frames, axis=0)
        pooled += [mean, ops.sqrt(ops.mean(ops.square(frames - mean), axis=0) + 1e-8)]
    return keras.Model([mel, mask], ops.expand_dims(ops.concatenate(pooled), 0), name="encoder")


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the weights, as float32: kernels are stored with 8 bits and one scale each, as in a TFLite file."""
    with np.load(path) as archive:
        scales = {name: archive[f"{name}/scale"] for name in archive.files if f"{name}/scale" in archive}
        return {
            name: archive[name].astype(np.float32) * scales.get(name, np.float32(1))
            for name in archive.files
            if not name.endswith("/scale")
        }


class EverySecond(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    """Concatenate every second frame with its neighbors: (n, d) -> (ceil(n / 2), (before + 1 + after) * d)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(trainable=False)
        self.before, self.after = before, after

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the neighborhoods of every second frame of x."""
        padded = ops.pad(x, ((self.before, self.after), (0, 0)))
        n = ops.shape(x)[0]
        return ops.concatenate([padded[i : i + n : 2] for i in range(self.before + 1 + self.after)], axis=-1)


def _attention(x: keras.KerasTensor, layer: dict[str, NDArray[np.float32]]) -> keras.KerasTensor:
    """Apply self-attention to (n, d)."""
    qkv = ops.reshape(linear(x, layer, "self_attention/linear_0"), (-1, 3 * HEADS, WIDTH // HEADS))
    query, key, value = ops.split(ops.transpose(qkv, (1, 0, 2)), 3)  # (heads, n, 64) each
    scores = ops.matmul(query * (WIDTH // HEADS) ** -0.5, ops.transpose(key, (0, 2, 1)))  # (heads, n, n)
    mixed = ops.transpose(ops.matmul(ops.softmax(scores), value), (1, 0, 2))
    return linear(ops.reshape(mixed, (-1, WIDTH)), layer, "self_attention/linear_1")
