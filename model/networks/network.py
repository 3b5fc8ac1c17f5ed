"""What all architectures are made of: a frozen front, a body that is trained, and a head relative to the speaker."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from callmood.types import EMOTIONS
from model import config
from model.features.dataset import Dataset

AT_ONCE = 256  # clips that are embedded together


@dataclass(frozen=True)
class Network:
    """A spectrogram's way to six logits.

    Parameters
    ----------
    frontend : keras.Model, optional
        `(mel (b, t, 80), mask (b, t)) -> features (b, f)`, never trained, so that its output is kept on disk.
        None: the spectrogram itself is what the body reads.
    body : keras.Model
        `(features, mask) -> embedding (b, d)`; 0 is the mean of what it was trained on, 1 a standard deviation.
    head : keras.Model
        `(embedding (b, d), baseline (b, d)) -> logits (b, 6)`.
    """

    frontend: keras.Model | None
    body: keras.Model
    head: keras.Model

    @property
    def size(self) -> int:
        """Numbers in an embedding."""
        return int(self.body.output_shape[-1])

    def adapt(self, heard: Dataset) -> None:
        """Show the training set to what scales features by its mean and deviation."""
        for layer in self.body.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.adapt(heard.features)

    def embed(self, heard: Dataset) -> NDArray[np.float32]:
        """Embed clips from their features: (m, d)."""
        mask = heard.mask()
        parts = [slice(start, start + AT_ONCE) for start in range(0, len(mask), AT_ONCE)]
        embedded = [self.body.predict_on_batch([heard.features[part], mask[part]]) for part in parts]
        return np.concatenate(embedded).astype(np.float32)

    def learner(self) -> keras.Model:
        """Body and head, as they are trained together: `(features, mask, baseline) -> logits`."""
        features, mask = (keras.Input(tensor.shape[1:], name=tensor.name) for tensor in self.body.inputs)
        baseline = keras.Input((self.size,), name="baseline")
        logits = self.head([self.body([features, mask]), baseline])
        return keras.Model([features, mask, baseline], ops.cast(logits, "float32"))


def relative_head(size: int, options: config.Head) -> keras.Model:
    """Judge by what is left of an embedding when its speaker's baseline is taken away."""
    embedding, baseline = keras.Input((size,), name="embedding"), keras.Input((size,), name="baseline")
    x = keras.layers.Dropout(options.input_dropout)(embedding - baseline)
    x = keras.layers.Dense(options.hidden, "gelu")(x)
    x = keras.layers.Dropout(options.dropout)(x)
    return keras.Model([embedding, baseline], keras.layers.Dense(len(EMOTIONS))(x), name="head")


def scaled(size: int) -> keras.Model:
    """A body that only puts features in standard deviations of the training set, once it was shown that."""
    features, mask = keras.Input((size,), name="features"), keras.Input((None,), name="mask")
    return keras.Model([features, mask], keras.layers.Normalization()(features), name="body")
