"""Write the TFLite file that serves, and its facts: `python -m model.export`."""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from callmood.features import N_MELS
from callmood.recording import EMOTIONS
from model.encoder import EMBEDDING, MAX_FRAMES, build_encoder
from model.whisper import encoder_weights

# Shares of each emotion in the speech of calls. Acted corpora are balanced, calls are not: most of what is said is
# neutral, and disgust and fear are rare. An estimate, to be replaced by a company's own (the setting PRIOR).
CALL_PRIOR = {"anger": 0.08, "disgust": 0.04, "fear": 0.04, "happiness": 0.08, "neutral": 0.70, "sadness": 0.06}
CONFIDENCE_THRESHOLD = 0.5
BASELINE_SHRINKAGE_S = 5.0  # two clips of CREMA-D


def facts(temperature: float) -> dict[str, Any]:
    """Everything of `emotion.json` but the version."""
    return {
        "labels": EMOTIONS,
        "temperature": round(temperature, 4),
        "prior": CALL_PRIOR,
        "confidence_threshold": CONFIDENCE_THRESHOLD,
        "baseline_shrinkage_s": BASELINE_SHRINKAGE_S,
        "max_frames": MAX_FRAMES,
        "encoder": "Whisper tiny.en, frozen",
        "trained_on": "CREMA-D, split train (63 speakers), clean and through a telephone",
        "licences": "Whisper: MIT. CREMA-D: Open Database Licence 1.0. See NOTICE.",
    }


def scale(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> keras.layers.Layer:
    """Put embeddings in standard deviations of the training corpus, so that 0 is its mean."""
    layer = keras.layers.Normalization(mean=mean.astype(np.float32), variance=np.square(deviation).astype(np.float32))
    layer.build((None, EMBEDDING))
    return layer


def write(
    path: Path,
    encoder: keras.Model,
    scale: keras.layers.Layer,
    head: keras.Model,
    facts: dict[str, Any],
    int8: bool = True,
) -> None:
    """Write `path` (.tflite) and its facts beside it (.json).

    Parameters
    ----------
    path : Path
    encoder : keras.Model
        (mel, mask) -> pooled (b, 3072).
    scale : keras.layers.Layer
        pooled -> embedding, in standard deviations of the training corpus.
    head : keras.Model
        Embedding less baseline -> logits (b, 6).
    facts : dict
        What `callmood.emotion.EmotionModel` reads, but for the version.
    int8 : bool
        Whether weights are rounded to 8 bits, or stay float32 to tell what the rounding costs.
    """
    content = to_tflite(encoder, scale, head, int8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    version = hashlib.sha256(content).hexdigest()[:12]
    path.with_suffix(".json").write_text(json.dumps({"version": version, **facts}, indent=2) + "\n")


def to_tflite(encoder: keras.Model, scale: keras.layers.Layer, head: keras.Model, int8: bool) -> bytes:
    """Convert to one TFLite file with the signatures `embed` and `classify`, both of any length."""

    def embed(mel: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": scale(encoder([mel, tf.ones_like(mel[:, :, 0])]))}

    def classify(embedding: tf.Tensor, baseline: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": head(embedding - baseline)}

    archive = keras.export.ExportArchive()
    archive.track(encoder)
    archive.track(scale)
    archive.track(head)
    archive.add_endpoint("embed", embed, [tf.TensorSpec((1, None, N_MELS), tf.float32, "mel")])
    archive.add_endpoint(
        "classify",
        classify,
        [
            tf.TensorSpec((None, EMBEDDING), tf.float32, "embedding"),
            tf.TensorSpec((1, EMBEDDING), tf.float32, "baseline"),
        ],
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["embed", "classify"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if int8 else []
        # tflite-runtime 2.14 refuses dense layers quantised per channel (FULLY_CONNECTED version 12).
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        return converter.convert()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/emotion"), help="what `python -m model.train` left")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "emotion.tflite")
    parser.add_argument("--float", action="store_true", help="keep float32 weights: 31 MB, to compare with")
    args = parser.parse_args()

    head = keras.models.load_model(args.run / "head.keras")
    with np.load(args.run / "scale.npz") as scaling:
        layer = scale(scaling["mean"], scaling["deviation"])
    facts = json.loads((args.run / "facts.json").read_text())
    write(args.out, build_encoder(encoder_weights()), layer, head, facts, int8=not args.float)
    print(f"wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB, and {args.out.with_suffix('.json').name}")


if __name__ == "__main__":
    main()
