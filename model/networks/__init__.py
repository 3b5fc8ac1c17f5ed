"""Networks by architecture: each module builds an untrained `Network` from its part of the configuration."""

from __future__ import annotations

from model.config import Cnn, Config, Crnn, Rnn, WhisperProbe, WhisperTuned
from model.networks import cnn, crnn, rnn, whisper
from model.networks.network import Network

__all__ = ["Network", "build"]


def build(config: Config) -> Network:
    """Build the untrained network that a configuration selects."""
    match config.architecture:
        case Cnn() as options:
            return cnn.build(options, config.head)
        case Rnn() as options:
            return rnn.build(options, config.head)
        case Crnn() as options:
            return crnn.build(options, config.head)
        case WhisperProbe() as options:
            return whisper.build_probe(options, config.head)
        case WhisperTuned() as options:
            return whisper.build_tuned(options, config.head)
