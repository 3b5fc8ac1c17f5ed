"""A synthetic voice from sums of sines, for tests without a corpus."""

from model.tts.tones import voice

__all__ = ["voice"]
