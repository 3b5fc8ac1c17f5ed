"""A convolutional network followed by a recurrent network."""

from __future__ import annotations

import keras

from model.config import Crnn, Head
from model.networks import layers
from model.networks.network import ENCODER_NAME, Network, relative_head


def build(options: Crnn, head: Head) -> Network:
    """Build the network that `model.config.Crnn` describes."""
    mel, mask, x = layers.spectrogram(options)
    x, mask_out = layers.convolutions(x, mask, options.filters)
    x = layers.recurrent(x, mask_out, options.units)
    encoder = keras.Model([mel, mask], layers.embedding(x, mask_out, options.size), name=ENCODER_NAME)
    return Network(None, encoder, relative_head(options.size, head))
