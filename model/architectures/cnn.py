"""A convolutional network: the spectrogram as a picture."""

from __future__ import annotations

import keras

from model.architectures import parts
from model.architectures.network import Network, relative_head
from model.config import Config


def build(config: Config) -> Network:
    """Build the network; see `model.config.Cnn`."""
    options = config.architecture
    mel, mask, x = parts.spectrogram(options)
    x, heard = parts.convolutions(x, mask, options.filters)
    body = keras.Model([mel, mask], parts.embedding(x, heard, options.size), name="body")
    return Network(None, body, relative_head(options.size, config.head))
