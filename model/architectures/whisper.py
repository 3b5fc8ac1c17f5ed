"""Whisper tiny.en's encoder, from which emotions can be read although it was trained on words."""

from __future__ import annotations

from model.architectures.network import Network, relative_head, scaled
from model.config import Config
from model.encoder import EMBEDDING, build_encoder
from model.whisper import encoder_weights


def probe(config: Config) -> Network:
    """Build a network whose encoder is frozen."""
    return Network(build_encoder(encoder_weights()), scaled(EMBEDDING), relative_head(EMBEDDING, config.head))
