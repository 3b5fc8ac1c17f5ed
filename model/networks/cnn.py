"""A convolutional network over the spectrogram."""

from __future__ import annotations

import keras

from model.config import Cnn, Head
from model.networks import layers
from model.networks.network import ENCODER_NAME, Network, relative_head


def build(options: Cnn, head: Head) -> Network:
    """Build the network that `model.config.Cnn` describes."""
    mel, mask, x = layers.spectrogram(options)
    x, mask_out = layers.convolutions(x, mask, options.filters)
    encoder = keras.Model([mel, mask], layers.embedding(x, mask_out, options.size), name=ENCODER_NAME)
    return Network(None, encoder, relative_head(options.size, head))
