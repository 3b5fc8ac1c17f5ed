"""Convert networks, and frontends alone, from Keras to TFLite. Only this module needs TensorFlow."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from callmood.emotion.log_mel import N_MELS
from model.files import atomic_write
from model.networks import Network

Signatures = Mapping[str, tuple[Callable[..., dict[str, tf.Tensor]], Sequence[tf.TensorSpec]]]

_MEL = tf.TensorSpec((1, None, N_MELS), tf.float32, "mel")


def to_tflite(network: Network, int8: bool = True) -> bytes:
    """Convert a network to one TFLite file with the signatures `embed` and `classify`, both for any length.

    Parameters
    ----------
    network : Network
    int8 : bool
        Whether weights are quantized to 8 bits. With False, they stay float32, to measure the cost of quantization.
    """

    def embed(mel: tf.Tensor) -> dict[str, tf.Tensor]:
        mask = tf.ones_like(mel[:, :, 0])
        features = network.frontend([mel, mask]) if network.frontend else mel
        return {"embedding": network.encoder([features, mask])}

    def classify(embedding: tf.Tensor, baseline: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": network.head([embedding, tf.broadcast_to(baseline, tf.shape(embedding))])}

    signatures: Signatures = {
        "embed": (embed, [_MEL]),
        "classify": (
            classify,
            [
                tf.TensorSpec((None, network.size), tf.float32, "embedding"),
                tf.TensorSpec((1, network.size), tf.float32, "baseline"),
            ],
        ),
    }
    return _convert([part for part in (network.frontend, network.encoder, network.head) if part], signatures, int8)


def frontend_file(frontend: keras.Model, cache: Path) -> Path:
    """Return the frontend's TFLite file in `cache`, and convert the frontend if the file does not exist."""
    weights = hashlib.sha256(b"".join(weight.tobytes() for weight in frontend.get_weights()))
    file = cache / f"frontend-{weights.hexdigest()[:12]}.tflite"
    if not file.exists():
        with atomic_write(file) as temporary:
            temporary.write_bytes(_frontend_to_tflite(frontend))
    return file


def _frontend_to_tflite(frontend: keras.Model) -> bytes:
    """Convert a frontend alone, with the signature `embed` and 8-bit weights."""

    def embed(mel: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": frontend([mel, tf.ones_like(mel[:, :, 0])])}

    return _convert([frontend], {"embed": (embed, [_MEL])}, int8=True)


def _convert(parts: Sequence[keras.Model], signatures: Signatures, int8: bool) -> bytes:
    archive = keras.export.ExportArchive()
    for part in parts:
        archive.track(part)
    for name, (function, inputs) in signatures.items():
        archive.add_endpoint(name, function, inputs)
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if int8 else []
        # tflite-runtime 2.14 rejects dense layers that are quantized per channel (FULLY_CONNECTED version 12).
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        return bytes(converter.convert())
