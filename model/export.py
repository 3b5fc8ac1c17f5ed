"""Write the TFLite file that serves, and its facts: `python -m model.export --run RUN --out RUN/emotion.tflite`."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from callmood.features import N_MELS
from model import architectures, config, places, runs
from model.architectures import Network
from model.config import ConfigError
from model.files import replacing

Signatures = Mapping[str, tuple[Callable[..., dict[str, tf.Tensor]], Sequence[tf.TensorSpec]]]


def to_tflite(network: Network, int8: bool = True) -> bytes:
    """Convert a network to one TFLite file with the signatures `embed` and `classify`, both of any length.

    Parameters
    ----------
    network : Network
    int8 : bool
        Whether weights are rounded to 8 bits, or stay float32 to tell what the rounding costs.
    """

    def embed(mel: tf.Tensor) -> dict[str, tf.Tensor]:
        mask = tf.ones_like(mel[:, :, 0])
        features = network.front([mel, mask]) if network.front else mel
        return {"embedding": network.body([features, mask])}

    def classify(embedding: tf.Tensor, baseline: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": network.head([embedding, tf.broadcast_to(baseline, tf.shape(embedding))])}

    signatures = {
        "embed": (embed, [_MEL]),
        "classify": (
            classify,
            [
                tf.TensorSpec((None, network.size), tf.float32, "embedding"),
                tf.TensorSpec((1, network.size), tf.float32, "baseline"),
            ],
        ),
    }
    return _convert([part for part in (network.front, network.body, network.head) if part], signatures, int8)


def front_to_tflite(front: keras.Model) -> bytes:
    """Convert a frozen front alone, with the signature `embed`, weights in 8 bits."""

    def embed(mel: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": front([mel, tf.ones_like(mel[:, :, 0])])}

    return _convert([front], {"embed": (embed, [_MEL])}, int8=True)


_MEL = tf.TensorSpec((1, None, N_MELS), tf.float32, "mel")


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
        # tflite-runtime 2.14 refuses dense layers quantised per channel (FULLY_CONNECTED version 12).
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        return bytes(converter.convert())


def write(path: Path, content: bytes, facts: Mapping[str, Any]) -> None:
    """Write a model file and, beside it, its facts and its version, the first 12 digits of its SHA-256."""
    version = hashlib.sha256(content).hexdigest()[:12]
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)
    runs.write_json(path.with_suffix(".json"), {"version": version, **facts})


def trained(run: Path) -> tuple[Network, dict[str, Any]]:
    """Read what `model.train` left: the network, in float32, and its facts.

    Raises
    ------
    RunError
        It left nothing there, or did not come to its end.
    """
    for name in ("config.toml", "model.keras", "facts.json"):
        if not (run / name).is_file():
            raise runs.RunError(f"{run / name} is not there; python -m model.train --run {run} makes it")
    network = architectures.build(config.read(run / "config.toml"))
    network.learner().load_weights(run / "model.keras")
    return network, json.loads((run / "facts.json").read_text(encoding="utf-8"))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=places.source, required=True, help="what `python -m model.train` left")
    parser.add_argument("--out", type=places.target, required=True, help="the .tflite file; its facts go beside it")
    parser.add_argument("--float", action="store_true", help="keep float32 weights: 31 MB, to compare with")
    args = parser.parse_args()
    try:
        network, facts = trained(args.run)
        write(args.out, to_tflite(network, int8=not args.float), facts)
    except (ConfigError, runs.RunError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB, and {args.out.with_suffix('.json').name}")


if __name__ == "__main__":
    places.run(main)
