"""Networks on Whisper tiny.en's encoder. It was trained on words, but its layers also carry emotion."""

from __future__ import annotations

import keras

from callmood.emotion.log_mel import N_MELS
from model.config import Head, WhisperProbe, WhisperTuned
from model.networks.distilled_encoder import build_distilled_encoder
from model.networks.network import ENCODER_NAME, Network, relative_head, scaling_encoder
from model.networks.whisper_encoder import BLOCKS, EMBEDDING, build_encoder
from model.networks.whisper_weights import encoder_weights

CONVOLUTIONS, LAYERS_PER_BLOCK = 2, 6  # layers with weights


def build_probe(options: WhisperProbe, head: Head) -> Network:
    """Build a network with a frozen encoder: the distilled one, or Whisper's own with other weights."""
    frontend = build_encoder(encoder_weights(options.weights)) if options.weights else build_distilled_encoder()
    return Network(frontend, scaling_encoder(EMBEDDING), relative_head(EMBEDDING, head))


def build_tuned(options: WhisperTuned, head: Head) -> Network:
    """Build a network whose upper encoder blocks are trained with the head."""
    whisper = build_encoder(encoder_weights(options.weights))
    frozen = CONVOLUTIONS + LAYERS_PER_BLOCK * (BLOCKS - options.tuned_blocks)
    for layer in [layer for layer in whisper.layers if layer.weights][:frozen]:
        layer.trainable = False
    scale = keras.layers.BatchNormalization(momentum=0.9, center=False, scale=False)
    mel, mask = keras.Input((None, N_MELS), name="features"), keras.Input((None,), name="mask")
    encoder = keras.Model([mel, mask], scale(whisper([mel, mask])), name=ENCODER_NAME)
    return Network(None, encoder, relative_head(EMBEDDING, head))
