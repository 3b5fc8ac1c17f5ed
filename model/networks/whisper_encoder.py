"""Whisper tiny.en's encoder in Keras, from log-mel frames to one embedding per clip.

It differs from Whisper in three points. Clips are not padded to 30 s. A mask excludes the padding of a batch. The
output is the mean and the standard deviation over time of each of the four blocks.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from callmood.emotion.log_mel import N_MELS
from model.features.frontend import MAX_FRAMES

WIDTH, HEADS, BLOCKS = 384, 6, 4
EMBEDDING = 2 * BLOCKS * WIDTH  # 3072


def build_encoder(weights: dict[str, NDArray[np.float32]]) -> keras.Model:
    """Build the encoder with Whisper's weights.

    Parameters
    ----------
    weights : dict of str to ndarray
        From `model.networks.whisper_weights.encoder_weights`.

    Returns
    -------
    keras.Model
        `(mel (b, t, 80), mask (b, t)) -> (b, 3072)`; t is at most 800, and the mask is 1 for frames and 0 for padding.
    """
    mel = keras.Input((None, N_MELS), name="mel")
    mask = keras.Input((None,), name="mask")

    valid = mask[:, :, None]  # (b, t, 1)
    valid_out = valid[:, ::2]  # (b, n, 1), n = t / 2: the second convolution halves the rate to 50 Hz
    x = _neighbors(mel * valid)  # (b, t, 240)
    x = gelu(dense(x, *convolution(weights, "conv1"))) * valid  # an unpadded clip is followed by zeros
    x = _neighbors(x)[:, ::2]  # (b, n, 1152)
    x = gelu(dense(x, *convolution(weights, "conv2")))  # (b, n, 384)
    x = Positions(weights["position_encodings/encodings"][: MAX_FRAMES // 2])(x)

    attention_bias = (valid_out[:, None, None, :, 0] - 1.0) * 1e9  # (b, 1, 1, n): 0, or far below all attention scores
    pooled = []
    for block in range(BLOCKS):
        layer = {k.removeprefix(f"layer_{block}/"): w for k, w in weights.items() if k.startswith(f"layer_{block}/")}
        x = x + _attention(norm(x, layer, "self_attention/"), attention_bias, layer)
        x = x + feed_forward(norm(x, layer, "ffn/"), layer)
        pooled += mean_and_deviation(norm(x, weights, "") if block == BLOCKS - 1 else x, valid_out)
    return keras.Model([mel, mask], ops.concatenate(pooled, axis=-1), name="encoder")


class Positions(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    """Add the first n position encodings to (b, n, d)."""

    def __init__(self, encodings: NDArray[np.float32]) -> None:
        super().__init__(name="positions", trainable=False)
        self.encodings = encodings

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return x with the position encodings added."""
        return x + ops.cast(self.encodings, x.dtype)[: ops.shape(x)[1]]


def _neighbors(x: keras.KerasTensor) -> keras.KerasTensor:
    """Concatenate each frame with the previous and the next one: (b, t, d) -> (b, t, 3d).

    A convolution of width 3 becomes a dense layer, and its int8 form scales each frame separately.
    """
    padded = ops.pad(x, ((0, 0), (1, 1), (0, 0)))
    return ops.concatenate([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=-1)


def _attention(
    x: keras.KerasTensor, attention_bias: keras.KerasTensor, layer: dict[str, NDArray[np.float32]]
) -> keras.KerasTensor:
    """Apply self-attention to (b, n, d), and ignore the padding."""
    qkv = linear(x, layer, "self_attention/linear_0")
    qkv = keras.layers.Reshape((-1, 3 * HEADS, WIDTH // HEADS))(qkv)
    qkv = ops.transpose(qkv, (0, 2, 1, 3))  # (b, 3 * heads, n, 64)
    query, key, value = qkv[:, :HEADS], qkv[:, HEADS : 2 * HEADS], qkv[:, 2 * HEADS :]
    scores = ops.matmul(query * (WIDTH // HEADS) ** -0.5, ops.transpose(key, (0, 1, 3, 2)))  # (b, heads, n, n)
    mixed = ops.matmul(ops.softmax(scores + attention_bias), value)
    mixed = keras.layers.Reshape((-1, WIDTH))(ops.transpose(mixed, (0, 2, 1, 3)))
    return linear(mixed, layer, "self_attention/linear_1")


def feed_forward(x: keras.KerasTensor, layer: dict[str, NDArray[np.float32]]) -> keras.KerasTensor:
    """Apply the two dense layers of a block to each frame."""
    return linear(gelu(linear(x, layer, "ffn/linear_0")), layer, "ffn/linear_1")


def mean_and_deviation(x: keras.KerasTensor, valid: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Compute mean and standard deviation over the valid frames: (b, n, d) -> two of (b, d)."""
    n = ops.sum(valid, axis=1)  # (b, 1)
    mean = ops.sum(x * valid, axis=1) / n
    variance = ops.sum(ops.square(x - mean[:, None]) * valid, axis=1) / n
    return [mean, ops.sqrt(variance + 1e-8)]


def norm(x: keras.KerasTensor, layer: dict[str, NDArray[np.float32]], part: str) -> keras.KerasTensor:
    """Normalize the last axis with the weights `part` of a layer."""
    norm = keras.layers.LayerNormalization(epsilon=1e-5)
    y = norm(x)
    norm.set_weights([layer[f"{part}layer_norm/gamma"], layer[f"{part}layer_norm/beta"]])
    return y


def linear(x: keras.KerasTensor, layer: dict[str, NDArray[np.float32]], name: str) -> keras.KerasTensor:
    """Apply the dense layer `name` of a layer, whose weight is (out, in)."""
    return dense(x, layer[f"{name}/weight"].T, layer[f"{name}/bias"])


def dense(x: keras.KerasTensor, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> keras.KerasTensor:
    """Apply a dense layer with a kernel (in, out)."""
    dense = keras.layers.Dense(len(bias))
    y = dense(x)
    dense.set_weights([kernel, bias])
    return y


def convolution(weights: dict[str, NDArray[np.float32]], name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Convert weights of a convolution (out, in, k) to those of a dense layer over neighbors, (k * in, out)."""
    kernel = weights[f"{name}/weight"]
    return kernel.transpose(2, 1, 0).reshape(-1, len(kernel)), weights[f"{name}/bias"]


def gelu(x: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the Gaussian error linear unit."""
    # The tanh form is one fused TFLite operation, and within 1e-3 of the exact form that Whisper was trained with.
    return keras.activations.gelu(x, approximate=True)
