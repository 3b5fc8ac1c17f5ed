"""A convolutional network: the spectrogram as a picture."""

from __future__ import annotations

import keras

from model.config import Config
from model.networks import layers
from model.networks.network import Network, relative_head


def build(config: Config) -> Network:
    """Build the network; see `model.config.Cnn`."""
    options = config.architecture
    mel, mask, x = layers.spectrogram(options)
    x, heard = layers.convolutions(x, mask, options.filters)
    body = keras.Model([mel, mask], layers.embedding(x, heard, options.size), name="body")
    return Network(None, body, relative_head(options.size, config.head))
