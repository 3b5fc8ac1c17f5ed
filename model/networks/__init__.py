"""Architectures by name: each a function from a configuration to an untrained `Network`."""

from __future__ import annotations

from collections.abc import Callable

from model.config import Config
from model.networks import cnn, crnn, rnn, whisper
from model.networks.network import Network

__all__ = ["ARCHITECTURES", "Network", "build"]

ARCHITECTURES: dict[str, Callable[[Config], Network]] = {
    "cnn": cnn.build,
    "rnn": rnn.build,
    "crnn": crnn.build,
    "whisper_probe": whisper.probe,
    "whisper_tuned": whisper.tuned,
}


def build(config: Config) -> Network:
    """Build the network that a configuration names, untrained."""
    return ARCHITECTURES[config.architecture.name](config)
