"""Whisper tiny.en's encoder, from which emotions can be read although it was trained on words."""

from __future__ import annotations

import keras

from callmood.emotion.log_mel import N_MELS
from model.config import Config
from model.networks.network import Network, relative_head, scaled
from model.networks.whisper_encoder import BLOCKS, EMBEDDING, build_encoder
from model.networks.whisper_weights import encoder_weights

CONVOLUTIONS, IN_A_BLOCK = 2, 6  # layers that have weights


def probe(config: Config) -> Network:
    """Build a network whose encoder is frozen."""
    encoder = build_encoder(encoder_weights(config.architecture.weights))
    return Network(encoder, scaled(EMBEDDING), relative_head(EMBEDDING, config.head))


def tuned(config: Config) -> Network:
    """Build a network whose encoder is trained too, but for the lower blocks."""
    encoder = build_encoder(encoder_weights(config.architecture.weights))
    frozen = CONVOLUTIONS + IN_A_BLOCK * (BLOCKS - config.architecture.tuned_blocks)
    for layer in [layer for layer in encoder.layers if layer.weights][:frozen]:
        layer.trainable = False
    scale = keras.layers.BatchNormalization(momentum=0.9, center=False, scale=False)
    mel, mask = keras.Input((None, N_MELS), name="features"), keras.Input((None,), name="mask")
    body = keras.Model([mel, mask], scale(encoder([mel, mask])), name="body")
    return Network(None, body, relative_head(EMBEDDING, config.head))
