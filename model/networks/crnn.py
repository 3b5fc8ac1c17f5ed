"""A convolutional network under a recurrent one: sounds, and then how they follow one another."""

from __future__ import annotations

import keras

from model.config import Config
from model.networks import layers
from model.networks.network import Network, relative_head


def build(config: Config) -> Network:
    """Build the network; see `model.config.Crnn`."""
    options = config.architecture
    mel, mask, x = layers.spectrogram(options)
    x, heard = layers.convolutions(x, mask, options.filters)
    x = layers.recurrent(x, heard, options.units)
    body = keras.Model([mel, mask], layers.embedding(x, heard, options.size), name="body")
    return Network(None, body, relative_head(options.size, config.head))
