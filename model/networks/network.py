"""The structure of all architectures: a frozen frontend, a trainable encoder, and a head relative to the speaker."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from callmood.types import EMOTIONS
from model import config
from model.features.dataset import Dataset

ENCODER_NAME = "body"
"""str: name of the encoder in Keras. Exported files contain it, so another name changes the versions of models."""

BATCH = 256
"""int: clips per batch when `Network.embed` computes embeddings."""


@dataclass(frozen=True)
class Network:
    """A network from a spectrogram to six logits.

    Parameters
    ----------
    frontend : keras.Model, optional
        `(mel (b, t, 80), mask (b, t)) -> features (b, f)`. It is never trained, so its output is cached on disk. With
        None, the encoder reads the spectrogram.
    encoder : keras.Model
        `(features, mask) -> embedding (b, d)`, in standard deviations from the mean of the training set.
    head : keras.Model
        `(embedding (b, d), baseline (b, d)) -> logits (b, 6)`.
    """

    frontend: keras.Model | None
    encoder: keras.Model
    head: keras.Model

    @property
    def size(self) -> int:
        """Dimension of an embedding."""
        return int(self.encoder.output_shape[-1])

    def adapt(self, dataset: Dataset) -> None:
        """Set the mean and deviation of normalization layers from the training set."""
        for layer in self.encoder.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.adapt(dataset.features)

    def embed(self, dataset: Dataset) -> NDArray[np.float32]:
        """Compute the embeddings of clips from their features: (m, d)."""
        mask = dataset.mask()
        batches = [slice(start, start + BATCH) for start in range(0, len(mask), BATCH)]
        embedded = [self.encoder.predict_on_batch([dataset.features[batch], mask[batch]]) for batch in batches]
        embeddings: NDArray[np.float32] = np.concatenate(embedded).astype(np.float32)
        return embeddings

    def trainable_model(self) -> keras.Model:
        """Connect encoder and head, which are trained together: `(features, mask, baseline) -> logits`."""
        features, mask = (keras.Input(tensor.shape[1:], name=tensor.name) for tensor in self.encoder.inputs)
        baseline = keras.Input((self.size,), name="baseline")
        logits = self.head([self.encoder([features, mask]), baseline])
        return keras.Model([features, mask, baseline], ops.cast(logits, "float32"))


def relative_head(size: int, options: config.Head) -> keras.Model:
    """Build the head, which classifies the difference between an embedding and its speaker's baseline."""
    embedding, baseline = keras.Input((size,), name="embedding"), keras.Input((size,), name="baseline")
    x = keras.layers.Dropout(options.input_dropout)(embedding - baseline)
    x = keras.layers.Dense(options.hidden, "gelu")(x)
    x = keras.layers.Dropout(options.dropout)(x)
    return keras.Model([embedding, baseline], keras.layers.Dense(len(EMOTIONS))(x), name="head")


def scaling_encoder(size: int) -> keras.Model:
    """Build an encoder that only scales features to standard deviations of the training set (`Network.adapt`)."""
    features, mask = keras.Input((size,), name="features"), keras.Input((None,), name="mask")
    return keras.Model([features, mask], keras.layers.Normalization()(features), name=ENCODER_NAME)
